// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pulses. A timer goes off at every true second and at the end of the pulse.
 * The rising edge moves everything on that moves once a second: the sources,
 * the crystal, the DPLLs. Edges are stamped for when they were due, not for
 * when the timer ran, so that a loaded machine does not show in them.
 */
#include "card.h"

/* What stands at an external time stamp pin; false: no edge this time. */
static bool pin_edge(struct card *c, const char *name, u64 due, s64 *offset_fs)
{
	struct pulse *s;

	if (!strcmp(name, "SDP21") || !strcmp(name, "SDP23") ||
	    (!strcmp(name, "GNSS") && c->phc.extts_from_dpll)) {
		if (!c->pin[OUT_SDP21].enabled[PPS] && !strcmp(name, "SDP21"))
			return false;
		if (!c->pin[OUT_SDP23].enabled[PPS] && !strcmp(name, "SDP23"))
			return false;
		*offset_fs = dpll_phase_fs(&c->dpll[PPS], due);
		return true;
	}
	if (!strcmp(name, "GNSS"))
		s = &c->source[SRC_GNSS];
	else if (!strcmp(name, "SMA1"))
		s = &c->source[SRC_SMA1];
	else
		s = &c->source[SRC_SMA2];
	/* last_raw: the second that it last came in */
	if (!s->on || s->last_raw != c->edge_raw)
		return false;
	*offset_fs = s->now_ns * 1000000;
	return true;
}

static void tell_edges(struct card *c, u64 due, bool falls)
{
	u32 want = falls ? PTP_FALLING_EDGE : PTP_RISING_EDGE;
	int i;

	for (i = 0; c->phc.clock && i < c->phc.info.n_pins; i++) {
		const struct ptp_pin_desc *d = &c->phc.pin[i];
		struct ptp_clock_event event = { .type = PTP_CLOCK_EXTTS };
		s64 offset_fs;

		if (d->func != PTP_PF_EXTTS || d->chan >= EXTTS_CHANNELS ||
		    !(c->phc.extts_flags[d->chan] & want) || output_into(c, i) ||
		    !pin_edge(c, d->name, due, &offset_fs))
			continue;
		event.index = d->chan;
		event.timestamp = phc_at(c, due + div_s64(offset_fs, 1000000));
		c->phc.edges++;
		ptp_clock_event(c->phc.clock, &event);
	}
}

static void sources_second(struct card *c)
{
	int i;

	for (i = 0; i < SOURCES; i++) {
		struct pulse *s = &c->source[i];

		s->offset_ns += s->walk_ns;
		if (!s->on)
			continue;
		if (s->drop) {
			s->drop--;
			continue;
		}
		s->now_ns = s->offset_ns + s->next_noise_ns;
		s->next_noise_ns = random_within(c, s->noise_ns);
		s->last_raw = c->edge_raw;
		s->count++;
	}
}

static void slew_second(struct card *c)
{
	s64 *left = &c->phc.slew_left_ns;

	/* one second of the slew that phc_rate made */
	*left -= clamp_t(s64, *left, -10000, 10000);
}

static enum hrtimer_restart pulse_edge(struct hrtimer *timer)
{
	struct card *c = container_of(timer, struct card, edge);
	unsigned long flags;
	u64 raw, due;

	spin_lock_irqsave(&c->lock, flags);
	raw = now_raw();
	due = c->edge_raw + (c->edge_falls ? PULSE_WIDTH_NS : 0);
	if (raw >= due) {
		if (!c->edge_falls) {
			sources_second(c);
			phc_move(c, raw);
			oscillator_second(c);
			dpll_second(c, c->edge_raw);
			slew_second(c);
			phc_rate(c);
		}
		tell_edges(c, due, c->edge_falls);
		if (c->edge_falls) {
			/* a machine that stood still skips seconds */
			do
				c->edge_raw += NSEC_PER_SEC;
			while (c->edge_raw + NSEC_PER_SEC < raw);
		}
		c->edge_falls = !c->edge_falls;
		due = c->edge_raw + (c->edge_falls ? PULSE_WIDTH_NS : 0);
	}
	/* the timer runs on CLOCK_MONOTONIC; the rest is done next time */
	hrtimer_set_expires(timer, ktime_add_ns(ktime_get(), due > raw ? due - raw : 1000));
	spin_unlock_irqrestore(&c->lock, flags);
	return HRTIMER_RESTART;
}

void pulse_init(struct card *c)
{
	u64 raw = now_raw();
	s64 tai = tai_at(c, raw);
	u32 into;

	div_u64_rem(tai, NSEC_PER_SEC, &into);
	c->edge_raw = raw + NSEC_PER_SEC - into;
	c->source[SRC_GNSS].on = true;
	c->source[SRC_GNSS].last_raw = raw;
#ifdef KERNEL_HAS_HRTIMER_SETUP
	hrtimer_setup(&c->edge, pulse_edge, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&c->edge, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	c->edge.function = pulse_edge;
#endif
}

void pulse_start(struct card *c)
{
	u64 raw = now_raw();

	hrtimer_start(&c->edge, ns_to_ktime(c->edge_raw > raw ? c->edge_raw - raw : 0),
		      HRTIMER_MODE_REL);
}

void pulse_stop(struct card *c)
{
	hrtimer_cancel(&c->edge);
}
