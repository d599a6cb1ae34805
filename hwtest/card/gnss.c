// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver: antenna, search, fix, survey-in, leap seconds, and once a
 * second the messages about the second that has just begun. It lives on
 * whether or not somebody has its device open; only the output needs a reader.
 */
#include <linux/module.h>
#include <linux/time.h>
#include "card.h"

/* One write over the card's I2C bus has to fit into its request. */
#define WRITE_MAX	250
/* How many satellites are used with everything switched on. */
#define USED_MAX	17

static void deliver(struct receiver *r, const void *data, size_t len)
{
	int done;

	if (!r->device || !r->open || !len)
		return;
	done = gnss_insert_raw(r->device, data, len);
	r->bytes += done;
	r->dropped += len - done;
}

/* A driver that asks the receiver now and then gets all that it has. */
static void look_work(struct work_struct *work)
{
	struct receiver *r = container_of(to_delayed_work(work), struct receiver, look);

	mutex_lock(&r->lock);
	deliver(r, r->out, r->waiting);
	r->waiting = 0;
	mutex_unlock(&r->lock);
}

void gnss_send(struct receiver *r, const void *data, size_t len)
{
	if (!r->device || !r->open || r->silent)
		return;
	if (r->truncate)
		len = (len + 1) / 2;
	if (!r->burst_ms && !r->waiting) {
		deliver(r, data, len);
		return;
	}
	if (len > sizeof(r->out) - r->waiting) {
		r->dropped += len;
		return;
	}
	memcpy(r->out + r->waiting, data, len);
	r->waiting += len;
	/* does nothing while it is queued */
	queue_delayed_work(card_wq, &r->look, msecs_to_jiffies(r->burst_ms));
}

static bool hears(const struct receiver *r)
{
	u64 need = 0;

	/* CFG-NAVSPG-INFIL_NCNOTHRS: no fix with fewer satellites than this */
	config_get(&r->config, 0x201100aa, &need);
	return r->antenna && !r->shorted && r->jamming < 3 && need <= USED_MAX;
}

static void pulse_on(struct card *c, bool on)
{
	struct pulse *s = &c->source[SRC_GNSS];
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	if (on && !s->on)
		s->last_raw = now_raw();
	s->on = on;
	dpll_judge(c, now_raw());
	spin_unlock_irqrestore(&c->lock, flags);
}

/* Whatever was known of the sky is lost; the pulse stops with it. */
void gnss_search(struct card *c)
{
	struct receiver *r = &c->receiver;

	r->fix = 0;
	r->search_raw = now_raw();
	if (!r->fix_wanted)
		r->fix_wanted = 3;
	pulse_on(c, false);
}

void gnss_antenna(struct card *c, bool on, bool shorted)
{
	struct receiver *r = &c->receiver;

	/* on while it is on: nothing happens */
	if (on && r->antenna && !r->shorted)
		return;
	r->antenna = on;
	r->shorted = shorted;
	gnss_search(c);
}

static void find(struct card *c)
{
	struct receiver *r = &c->receiver;
	u64 mode = 0;

	if (!hears(r)) {
		if (r->fix)
			gnss_search(c);
		r->search_raw = now_raw();
		return;
	}
	if (!r->fix && r->fix_wanted &&
	    (s64)(now_raw() - r->search_raw) >= (s64)r->acquire_s * NSEC_PER_SEC) {
		r->fix = r->fix_wanted;
		pulse_on(c, true);
	}
	/* CFG-TMODE-MODE: with a known position only time is solved for */
	config_get(&r->config, 0x20030001, &mode);
	if (r->fix == 3 && (mode == 2 || (mode == 1 && r->survey_valid)))
		r->fix = 5;
	else if (r->fix == 5 && !mode && r->fix_wanted == 3)
		r->fix = 3;
}

/* A survey-in comes nearer with the square root of its time. */
static void survey(struct receiver *r)
{
	u64 mode = 0, duration = 0, limit = 0;

	config_get(&r->config, 0x20030001, &mode);
	config_get(&r->config, 0x40030010, &duration);
	config_get(&r->config, 0x40030011, &limit);
	if (mode != 1) {
		r->survey_active = false;
		r->survey_valid = false;
		r->survey_s = 0;
		return;
	}
	if (r->survey_valid)
		return;
	r->survey_active = true;
	if (r->fix < 3)
		return;
	r->survey_s++;
	/* 10 m after the first second; int_sqrt of 10^4 s is 100 roots */
	r->survey_acc_mm10 = 10000000 / int_sqrt(10000UL * r->survey_s);
	if (r->survey_s >= duration && r->survey_acc_mm10 <= limit) {
		r->survey_valid = true;
		r->survey_active = false;
	}
}

/*
 * UTC of a second of TAI, broken down. A leap second that is put in is told as
 * second 60 of the minute that it ends. Returns the seconds since 1970.
 */
s64 gnss_utc(const struct receiver *r, s64 tai_s, struct tm *tm)
{
	s64 utc = tai_s - TAI_GPS_S - r->leap_s;
	bool extra = false;

	if (r->leap_tai_s && tai_s >= r->leap_tai_s)
		utc -= r->leap_change;
	else if (r->leap_tai_s && r->leap_change > 0 && tai_s == r->leap_tai_s - 1)
		extra = true;
	time64_to_tm(utc - extra, 0, tm);
	if (extra)
		tm->tm_sec = 60;
	return utc - extra;
}

static void second(struct card *c, s64 tai_s)
{
	struct receiver *r = &c->receiver;

	r->ticks++;
	if (r->leap_tai_s && tai_s >= r->leap_tai_s) {
		r->leap_s += r->leap_change;
		r->leap_change = 0;
		r->leap_tai_s = 0;
	}
	find(c);
	survey(r);
	nmea_epoch(r, tai_s);
	ubx_epoch(r, tai_s);
}

static void epoch_work(struct work_struct *work)
{
	struct card *c = container_of(to_delayed_work(work), struct card, receiver.epoch);
	struct receiver *r = &c->receiver;
	s64 tai, due;

	mutex_lock(&r->lock);
	tai = tai_at(c, now_raw());
	due = r->epoch_tai_s * NSEC_PER_SEC + (s64)r->delay_ms * NSEC_PER_MSEC;
	if (tai >= due) {
		second(c, r->epoch_tai_s);
		r->epoch_tai_s = max(r->epoch_tai_s + 1,
				     div_s64(tai - (s64)r->delay_ms * NSEC_PER_MSEC,
					     NSEC_PER_SEC));
		due = r->epoch_tai_s * NSEC_PER_SEC + (s64)r->delay_ms * NSEC_PER_MSEC;
		tai = tai_at(c, now_raw());
	}
	queue_delayed_work(card_wq, &r->epoch,
			   due > tai ? nsecs_to_jiffies(due - tai) + 1 : 0);
	mutex_unlock(&r->lock);
}

static int gnss_open(struct gnss_device *dev)
{
	struct card *c = gnss_get_drvdata(dev);

	mutex_lock(&c->receiver.lock);
	c->receiver.open = true;
	c->receiver.in_len = 0;
	c->receiver.waiting = 0;
	mutex_unlock(&c->receiver.lock);
	return 0;
}

static void gnss_close(struct gnss_device *dev)
{
	struct card *c = gnss_get_drvdata(dev);

	mutex_lock(&c->receiver.lock);
	c->receiver.open = false;
	mutex_unlock(&c->receiver.lock);
}

static int gnss_write(struct gnss_device *dev, const unsigned char *buf, size_t count)
{
	struct card *c = gnss_get_drvdata(dev);

	if (count < 2 || count > WRITE_MAX)
		return -EINVAL;
	mutex_lock(&c->receiver.lock);
	ubx_input(&c->receiver, buf, count);
	mutex_unlock(&c->receiver.lock);
	return count;
}

static const struct gnss_operations operations = {
	.open = gnss_open,
	.close = gnss_close,
	.write_raw = gnss_write,
};

void gnss_init(struct card *c, u8 leap_s)
{
	struct receiver *r = &c->receiver;

	mutex_init(&r->lock);
	r->antenna = true;
	/* it has been running for long: it starts with a fix */
	r->fix = 3;
	r->fix_wanted = 3;
	r->acquire_s = 5;
	r->start_raw = now_raw();
	r->search_raw = r->start_raw;
	r->jamming = 1;
	r->spoofing = 1;
	r->tacc_ns = 5;
	r->delay_ms = 120;
	r->leap_s = leap_s;
	config_default(&r->config);
	r->epoch_tai_s = div_s64(tai_at(c, r->start_raw), NSEC_PER_SEC) + 1;
	INIT_DELAYED_WORK(&r->look, look_work);
	INIT_DELAYED_WORK(&r->epoch, epoch_work);
	queue_delayed_work(card_wq, &r->epoch, 1);
}

void gnss_exit(struct card *c)
{
	cancel_delayed_work_sync(&c->receiver.epoch);
	cancel_delayed_work_sync(&c->receiver.look);
}

int gnss_start(struct card *c, struct device *parent)
{
	struct gnss_device *dev = gnss_allocate_device(parent);
	int err;

	if (!dev)
		return -ENOMEM;
	dev->ops = &operations;
	dev->type = GNSS_TYPE_UBX;
	gnss_set_drvdata(dev, c);
	/* before it can be opened */
	mutex_lock(&c->receiver.lock);
	c->receiver.device = dev;
	mutex_unlock(&c->receiver.lock);
	err = gnss_register_device(dev);
	if (err) {
		mutex_lock(&c->receiver.lock);
		c->receiver.device = NULL;
		mutex_unlock(&c->receiver.lock);
		gnss_put_device(dev);
	}
	return err;
}

void gnss_stop(struct card *c)
{
	struct gnss_device *dev = c->receiver.device;

	if (!dev)
		return;
	mutex_lock(&c->receiver.lock);
	c->receiver.device = NULL;
	c->receiver.open = false;
	mutex_unlock(&c->receiver.lock);
	gnss_deregister_device(dev);
	gnss_put_device(dev);
}
