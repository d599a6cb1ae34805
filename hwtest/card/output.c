// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the PHC puts out: periodic signals at its pins, and a pulse each of its
 * seconds to the kernel's PPS. An edge is due when the PHC shows its time, so
 * that setting and steering the clock move it. Nobody sees a signal that leads
 * nowhere: a timer runs only for the kernel's PPS and for the cable that leads
 * an output back in. As with all edges here, its stamp is that of the edge
 * itself and not of the timer, so that a loaded machine does not show.
 */
#include <linux/pps_kernel.h>
#include "card.h"

/* The least that lies between two runs of the timer, and the most. */
#define PAUSE_LEAST_NS	(50 * NSEC_PER_USEC)
#define PAUSE_MOST_NS	NSEC_PER_SEC
/* Edges of an output in one run; it loses what is more. */
#define EDGES_MOST	64
#define PERIOD_LEAST_NS	1000
#define PERIOD_MOST_S	1000000
#define START_MOST_S	8000000000LL

/* The first edge after a time; false: no more come. */
static bool edge_after(const struct output *o, s64 after, s64 *edge, bool *falls)
{
	u64 since, into;

	*falls = false;
	*edge = o->first_ns;
	if (after < o->first_ns)
		return true;
	since = after - o->first_ns;
	if (o->once)
		into = since;
	else
		div64_u64_rem(since, o->period_ns, &into);
	*falls = into < o->high_ns;
	if (o->once && !*falls)
		return false;
	*edge = after - into + (*falls ? o->high_ns : o->period_ns);
	return true;
}

/* The pins at the cable's ends: SMA1 and SMA2, SDP20 and SDP21 */
static int cable_from(void) { return card_sdp ? 0 : 1; }
static int cable_to(void) { return card_sdp ? 1 : 2; }

/* Is this pin taken by the cable? */
bool output_into(const struct card *c, int pin)
{
	return c->phc.looped && pin == cable_to();
}

static bool heard(const struct card *c, int i)
{
	return c->phc.output[i].on && (i == KERNEL_PPS || c->phc.looped);
}

/* What the system's clock showed at the edge. */
static void tell_kernel(struct card *c, s64 edge)
{
	struct ptp_clock_event event = { .type = PTP_CLOCK_PPSUSR };
	u64 due = line_raw(&c->phc.time, edge);
	struct system_time_snapshot both;
	s64 real, raw;

#ifdef KERNEL_HAS_SNAPSHOT_ID
	ktime_get_snapshot_id(CLOCK_REALTIME, &both);
	real = ktime_to_ns(both.systime);
	raw = ktime_to_ns(both.monoraw);
#else
	ktime_get_snapshot(&both);
	real = ktime_to_ns(both.real);
	raw = ktime_to_ns(both.raw);
#endif
	event.pps_times.ts_real = ns_to_timespec64(real - (raw - (s64)due));
#ifdef CONFIG_NTP_PPS
	event.pps_times.ts_raw = ns_to_timespec64(due);
#endif
	ptp_clock_event(c->phc.clock, &event);
}

static void tell_pin(struct card *c, int channel, s64 edge, bool falls)
{
	const struct ptp_pin_desc *from = &c->phc.pin[cable_from()];
	const struct ptp_pin_desc *to = &c->phc.pin[cable_to()];
	struct ptp_clock_event event = { .type = PTP_CLOCK_EXTTS, .timestamp = edge };

	if (from->func != PTP_PF_PEROUT || from->chan != channel ||
	    to->func != PTP_PF_EXTTS || to->chan >= EXTTS_CHANNELS ||
	    !(c->phc.extts_flags[to->chan] & (falls ? PTP_FALLING_EDGE : PTP_RISING_EDGE)))
		return;
	event.index = to->chan;
	c->phc.edges++;
	ptp_clock_event(c->phc.clock, &event);
}

static void tell(struct card *c, int i, s64 now)
{
	struct output *o = &c->phc.output[i];
	bool falls;
	s64 edge;
	int n;

	for (n = 0; edge_after(o, o->told_ns, &edge, &falls) && edge <= now; n++) {
		o->told_ns = n < EDGES_MOST ? edge : now;
		if (!c->phc.clock || n == EDGES_MOST)
			continue;
		if (i != KERNEL_PPS)
			tell_pin(c, i, edge, falls);
		else if (!falls)
			tell_kernel(c, edge);
	}
}

static void arm(struct card *c)
{
	u64 raw = now_raw(), due, wait = U64_MAX;
	bool falls;
	s64 edge;
	int i;

	for (i = 0; i < OUTPUTS; i++) {
		const struct output *o = &c->phc.output[i];

		if (!heard(c, i) || !edge_after(o, o->told_ns, &edge, &falls))
			continue;
		due = line_raw(&c->phc.time, edge);
		wait = min_t(u64, wait, due > raw ? due - raw : 0);
	}
	if (wait != U64_MAX)
		hrtimer_start(&c->output_edge,
			      ns_to_ktime(clamp_t(u64, wait, PAUSE_LEAST_NS, PAUSE_MOST_NS)),
			      HRTIMER_MODE_REL);
}

/* It arms itself under the lock, as all others do, and so is never armed twice. */
static enum hrtimer_restart output_edge(struct hrtimer *timer)
{
	struct card *c = container_of(timer, struct card, output_edge);
	unsigned long flags;
	s64 now;
	int i;

	spin_lock_irqsave(&c->lock, flags);
	now = phc_at(c, now_raw());
	for (i = 0; i < OUTPUTS; i++)
		if (heard(c, i))
			tell(c, i, now);
	arm(c);
	spin_unlock_irqrestore(&c->lock, flags);
	return HRTIMER_NORESTART;
}

/* The clock was set, or there is a cable now: edges of before do not come. */
void output_anew(struct card *c)
{
	s64 now = phc_at(c, now_raw());
	int i;

	for (i = 0; i < OUTPUTS; i++)
		c->phc.output[i].told_ns = now;
	arm(c);
}

static bool parts_wrong(const struct ptp_clock_time *t, s64 seconds)
{
	return t->sec < 0 || t->sec > seconds || t->nsec >= NSEC_PER_SEC;
}

static s64 parts_ns(const struct ptp_clock_time *t)
{
	return t->sec * NSEC_PER_SEC + t->nsec;
}

int output_start(struct card *c, const struct ptp_perout_request *rq)
{
	s64 now = phc_at(c, now_raw());
	struct output o = { .on = true, .once = rq->flags & PTP_PEROUT_ONE_SHOT, .told_ns = now };
	s64 into;

	if (parts_wrong(&rq->period, PERIOD_MOST_S) || parts_wrong(&rq->start, START_MOST_S))
		return -ERANGE;
	o.period_ns = parts_ns(&rq->period);
	o.high_ns = o.period_ns / 2;
	o.first_ns = parts_ns(&rq->start);
	if (o.period_ns < PERIOD_LEAST_NS)
		return -ERANGE;
	if (rq->flags & PTP_PEROUT_DUTY_CYCLE) {
		if (parts_wrong(&rq->on, PERIOD_MOST_S))
			return -ERANGE;
		o.high_ns = parts_ns(&rq->on);
		if (!o.high_ns || o.high_ns >= o.period_ns)
			return -ERANGE;
	}
	if (rq->flags & PTP_PEROUT_PHASE && now > o.first_ns) {
		/* start and phase share their place */
		div64_u64_rem(now - o.first_ns, o.period_ns, &into);
		o.first_ns = now - into + o.period_ns;
	} else if (o.once && now >= o.first_ns) {
		/* a periodic signal is in its middle, a single pulse is over */
		return -EINVAL;
	}
	c->phc.output[rq->index] = o;
	arm(c);
	return 0;
}

void output_kernel_pps(struct card *c, bool on)
{
	c->phc.output[KERNEL_PPS] = (struct output) {
		.on = on,
		.period_ns = NSEC_PER_SEC,
		.high_ns = PULSE_WIDTH_NS,
		.told_ns = phc_at(c, now_raw()),
	};
	arm(c);
}

void output_init(struct card *c)
{
#ifdef KERNEL_HAS_HRTIMER_SETUP
	hrtimer_setup(&c->output_edge, output_edge, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&c->output_edge, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	c->output_edge.function = output_edge;
#endif
}

/* After the driver has gone: no output is on, none arms it again. */
void output_stop(struct card *c)
{
	hrtimer_cancel(&c->output_edge);
}
