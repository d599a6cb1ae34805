// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PTP hardware clock and the counter below it. The counter's rate is the
 * clock signal's (the EEC's output or the crystal), the clock's is that times
 * what adjfine asked for.
 */
#include <linux/delay.h>
#include "card.h"

#define MAX_ADJ_PPB	100000000
#define MAX_PHASE_NS	1000000
/* adjphase slews by this much: 10 us in a second */
#define SLEW_PPT	10000000

static struct card *info_card(struct ptp_clock_info *info)
{
	return container_of(info, struct card, phc.info);
}

s64 phc_at(const struct card *c, u64 raw)
{
	return line_at(&c->phc.time, raw);
}

s64 phc_counter(const struct card *c, u64 raw)
{
	return line_at(&c->phc.counter, raw);
}

/* Moves both up to raw without changing what they show. */
void phc_move(struct card *c, u64 raw)
{
	line_move(&c->phc.time, raw);
	line_move(&c->phc.counter, raw);
}

/* The rates from what makes them; phc_move to the present comes before. */
void phc_rate(struct card *c)
{
	struct phc *p = &c->phc;
	s64 ppt = p->coupled ? c->dpll[EEC].freq_ppt : oscillator_ppt(c, p->time.anchor_raw);
	s64 adjust = p->adjust_ppt;
	unsigned __int128 rate;

	if (p->slew_left_ns)
		adjust += clamp_t(s64, p->slew_left_ns * 1000, -SLEW_PPT, SLEW_PPT);
	rate = (unsigned __int128)line_factor(ppt) * line_factor(p->drift_ppt);
	p->counter.rate = (u64)(rate >> 60);
	rate = (unsigned __int128)p->counter.rate * line_factor(adjust);
	p->time.rate = (u64)(rate >> 60);
}

void phc_step(struct card *c, s64 ns)
{
	c->phc.time.anchor_ns += ns;
	output_anew(c);
}

static int phc_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct card *c = info_card(info);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	phc_move(c, now_raw());
	/* 2^-16 ppm into 1e-12: 10^6 / 2^16 */
	c->phc.adjust_ppt = div_s64((s64)scaled_ppm * 15625, 1024);
	phc_rate(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

static int phc_adjtime(struct ptp_clock_info *info, s64 delta)
{
	struct card *c = info_card(info);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	phc_step(c, delta);
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

static int phc_adjphase(struct ptp_clock_info *info, s32 delta)
{
	struct card *c = info_card(info);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	phc_move(c, now_raw());
	c->phc.slew_left_ns = delta;
	phc_rate(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

static s32 phc_getmaxphase(struct ptp_clock_info *info)
{
	return MAX_PHASE_NS;
}

/* A register is read, with the system's clock before and after. */
static int read_line(struct card *c, const struct line *line, struct timespec64 *ts,
		     struct ptp_system_timestamp *sts)
{
	unsigned long flags;
	u32 wait;
	u64 raw;
	s64 ns;

	spin_lock_irqsave(&c->lock, flags);
	if (c->phc.fails) {
		spin_unlock_irqrestore(&c->lock, flags);
		return -EIO;
	}
	wait = c->phc.read_ns / 2;
	ptp_read_system_prets(sts);
	if (wait)
		ndelay(wait);
	raw = now_raw();
	if (wait)
		ndelay(wait);
	ptp_read_system_postts(sts);
	ns = line_at(line, raw);
	spin_unlock_irqrestore(&c->lock, flags);
	*ts = ns_to_timespec64(ns);
	return 0;
}

static int phc_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			struct ptp_system_timestamp *sts)
{
	struct card *c = info_card(info);

	return read_line(c, &c->phc.time, ts, sts);
}

static int phc_getcyclesx(struct ptp_clock_info *info, struct timespec64 *ts,
			  struct ptp_system_timestamp *sts)
{
	struct card *c = info_card(info);

	return read_line(c, &c->phc.counter, ts, sts);
}

static int phc_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	struct card *c = info_card(info);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	phc_move(c, now_raw());
	c->phc.time.anchor_ns = timespec64_to_ns(ts);
	c->phc.time.anchor_frac = 0;
	output_anew(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

static int latch_line(struct card *c, const struct line *line,
		      struct system_device_crosststamp *cts)
{
	struct system_time_snapshot both;
	unsigned long flags;

#ifdef KERNEL_HAS_SNAPSHOT_ID
	ktime_get_snapshot_id(cts->clock_id, &both);
	cts->sys_systime = both.systime;
	cts->sys_monoraw = both.monoraw;
#else
	ktime_get_snapshot(&both);
	cts->sys_realtime = both.real;
	cts->sys_monoraw = both.raw;
#endif
	spin_lock_irqsave(&c->lock, flags);
	cts->device = ns_to_ktime(line_at(line, ktime_to_ns(cts->sys_monoraw)));
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

static int phc_crosststamp(struct ptp_clock_info *info, struct system_device_crosststamp *cts)
{
	struct card *c = info_card(info);

	return latch_line(c, &c->phc.time, cts);
}

static int phc_crosscycles(struct ptp_clock_info *info, struct system_device_crosststamp *cts)
{
	struct card *c = info_card(info);

	return latch_line(c, &c->phc.counter, cts);
}

static u32 perout_flags(const struct card *c)
{
	return PTP_PEROUT_PHASE | (c->phc.offers & OFFER_DUTY ? PTP_PEROUT_DUTY_CYCLE : 0) |
	       (c->phc.offers & OFFER_ONCE ? PTP_PEROUT_ONE_SHOT : 0);
}

static int phc_enable(struct ptp_clock_info *info, struct ptp_clock_request *rq, int on)
{
	struct card *c = info_card(info);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&c->lock, flags);
	switch (rq->type) {
	case PTP_CLK_REQ_EXTTS:
		if (rq->extts.index >= EXTTS_CHANNELS) {
			err = -EINVAL;
			break;
		}
		/* who does not name an edge means the rising one */
		if (on && !(rq->extts.flags & PTP_EXTTS_EDGES))
			rq->extts.flags |= PTP_RISING_EDGE;
		c->phc.extts_flags[rq->extts.index] =
			on ? rq->extts.flags | PTP_ENABLE_FEATURE : 0;
		break;
	case PTP_CLK_REQ_PEROUT:
		if (rq->perout.index >= PEROUT_CHANNELS)
			err = -EINVAL;
		else if (!on)
			c->phc.output[rq->perout.index].on = false;
		else if (rq->perout.flags & ~perout_flags(c))
			err = -EOPNOTSUPP;
		else
			err = output_start(c, &rq->perout);
		break;
	case PTP_CLK_REQ_PPS:
		if (c->phc.offers & OFFER_PPS)
			output_kernel_pps(c, on);
		else
			err = -EOPNOTSUPP;
		break;
	default:
		err = -EOPNOTSUPP;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return err;
}

/* Which way a pin may be used, for both sets. */
static const struct {
	const char *name;
	bool in, out;
} pins_board[] = {
	{ "GNSS", true, false }, { "SMA1", true, true }, { "SMA2", true, true },
	{ "U.FL1", false, true }, { "U.FL2", true, false },
}, pins_sdp[] = {
	{ "SDP20", false, true }, { "SDP21", true, false },
	{ "SDP22", false, true }, { "SDP23", true, false },
};

static int phc_verify(struct ptp_clock_info *info, unsigned int pin,
		      enum ptp_pin_function func, unsigned int chan)
{
	bool in = card_sdp ? pins_sdp[pin].in : pins_board[pin].in;
	bool out = card_sdp ? pins_sdp[pin].out : pins_board[pin].out;

	switch (func) {
	case PTP_PF_NONE:
		return 0;
	case PTP_PF_EXTTS:
		return in ? 0 : -EOPNOTSUPP;
	case PTP_PF_PEROUT:
		return out ? 0 : -EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
}

/* Does a one-hertz output of the PHC drive this input of the DPLLs? */
bool phc_feeds(const struct card *c, enum pin_kind kind)
{
	int pin = kind == IN_SDP20 ? 0 : 2;
	const struct ptp_pin_desc *d = &c->phc.pin[pin];

	if (!card_sdp || (kind != IN_SDP20 && kind != IN_SDP22))
		return false;
	return d->func == PTP_PF_PEROUT && c->phc.output[d->chan].on &&
	       c->phc.output[d->chan].period_ns == NSEC_PER_SEC;
}

void phc_init(struct card *c, s64 offset_ns)
{
	struct phc *p = &c->phc;
	int i;

	p->time.anchor_raw = p->counter.anchor_raw = now_raw();
	p->time.anchor_ns = tai_at(c, p->time.anchor_raw) + offset_ns;
	p->coupled = card_coupled;
	p->extts_from_dpll = card_sdp;
	phc_rate(c);
	output_init(c);
	p->info = (struct ptp_clock_info) {
		.max_adj = MAX_ADJ_PPB,
		.n_ext_ts = EXTTS_CHANNELS,
		.n_per_out = PEROUT_CHANNELS,
		.n_pins = card_sdp ? ARRAY_SIZE(pins_sdp) : ARRAY_SIZE(pins_board),
		.pin_config = p->pin,
		.adjfine = phc_adjfine,
		.adjtime = phc_adjtime,
		.gettimex64 = phc_gettimex,
		.settime64 = phc_settime,
		.enable = phc_enable,
		.verify = phc_verify,
#ifdef KERNEL_HAS_EXTTS_FLAGS
		.supported_extts_flags = PTP_RISING_EDGE | PTP_FALLING_EDGE | PTP_STRICT_FLAGS,
#endif
	};
	if (card_crosststamp)
		p->offers |= OFFER_CROSS;
	if (card_extras) {
		p->offers |= OFFER_COUNTER | OFFER_PPS | OFFER_DUTY | OFFER_ONCE;
		p->info.adjphase = phc_adjphase;
		p->info.getmaxphase = phc_getmaxphase;
	}
	for (i = 0; i < p->info.n_pins; i++) {
		strscpy(p->pin[i].name, card_sdp ? pins_sdp[i].name : pins_board[i].name,
			sizeof(p->pin[i].name));
		p->pin[i].index = i;
	}
	/* the pulse that is always there is wired to channel 0 */
	p->pin[card_sdp ? 1 : 0].func = PTP_PF_EXTTS;
}

/* The core fills what is missing with its own, which must not stay. */
static void phc_offer(struct card *c)
{
	struct ptp_clock_info *info = &c->phc.info;
	bool counter = c->phc.offers & OFFER_COUNTER, cross = c->phc.offers & OFFER_CROSS;

	info->pps = !!(c->phc.offers & OFFER_PPS);
	info->getcrosststamp = cross ? phc_crosststamp : NULL;
	info->getcycles64 = NULL;
	info->getcyclesx64 = counter ? phc_getcyclesx : NULL;
	info->getcrosscycles = counter && cross ? phc_crosscycles : NULL;
#ifdef KERNEL_HAS_EXTTS_FLAGS
	info->supported_perout_flags = perout_flags(c);
#endif
}

int phc_start(struct card *c, struct device *parent)
{
	struct ptp_clock *clock;
	unsigned long flags;

	phc_offer(c);
	c->phc.info.owner = THIS_MODULE;
	snprintf(c->phc.info.name, sizeof(c->phc.info.name), "tgmcard-%d-clk", c->index);
	clock = ptp_clock_register(&c->phc.info, parent);
	if (IS_ERR_OR_NULL(clock))
		return clock ? PTR_ERR(clock) : -EOPNOTSUPP;
	spin_lock_irqsave(&c->lock, flags);
	c->phc.clock = clock;
	spin_unlock_irqrestore(&c->lock, flags);
	return 0;
}

void phc_stop(struct card *c)
{
	struct ptp_clock *clock = c->phc.clock;
	unsigned long flags;

	if (!clock)
		return;
	/* pulses tell their edges under this lock */
	spin_lock_irqsave(&c->lock, flags);
	c->phc.clock = NULL;
	memset(c->phc.extts_flags, 0, sizeof(c->phc.extts_flags));
	memset(c->phc.output, 0, sizeof(c->phc.output));
	spin_unlock_irqrestore(&c->lock, flags);
	ptp_clock_unregister(clock);
}
