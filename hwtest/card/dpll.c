// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DPLLs themselves, as the chip has them: choice of the input, a
 * second-order loop that is fed once a second, and the lock status. What the
 * driver knows of this is another matter, see poll.c.
 *
 * Units: phases in fs against true time, positive for an edge that comes late;
 * frequencies in ppt, positive for fast (1 ppt moves a phase by -1000 fs in a
 * second).
 */
#include "card.h"

/* No loop slews over more than this: the output is set anew. */
#define SNAP_FS		10000000000LL
/* A pulse that did not come for this long is no signal any more. */
#define LOSS_NS		(5 * NSEC_PER_SEC / 2)
/* In the priority of an input: do not use. */
#define NEVER		255

static const char * const names[] = {
	[DPLL_LOCK_STATUS_UNLOCKED] = "unlocked",
	[DPLL_LOCK_STATUS_LOCKED] = "locked",
	[DPLL_LOCK_STATUS_LOCKED_HO_ACQ] = "locked-ho-acq",
	[DPLL_LOCK_STATUS_HOLDOVER] = "holdover",
};

const char *dpll_status_name(enum dpll_lock_status status)
{
	return status < ARRAY_SIZE(names) && names[status] ? names[status] : "?";
}

static const struct pulse *pin_source(const struct card *c, enum pin_kind kind)
{
	switch (kind) {
	case IN_GNSS:
		return &c->source[SRC_GNSS];
	case IN_SMA1:
		return &c->source[SRC_SMA1];
	case IN_SMA2:
		return &c->source[SRC_SMA2];
	default:
		return NULL;
	}
}

bool pin_has_signal(const struct card *c, enum pin_kind kind, u64 raw)
{
	const struct pulse *s = pin_source(c, kind);
	const struct pin *p = &c->pin[kind];
	int i;

	if (p->blocked || p->direction != DPLL_PIN_DIRECTION_INPUT)
		return false;
	if (s)
		return s->on && (s64)(raw - s->last_raw) < (s64)LOSS_NS;
	if (p->signal || phc_feeds(c, kind))
		return true;
	for (i = 0; i < PORTS && (kind == IN_RCLKA || kind == IN_RCLKB); i++)
		if (c->port[i].recovered[kind - IN_RCLKA] && !c->cable_cut)
			return true;
	return false;
}

/* The other of a connected reference-sync pair, if it brings the pulse that this one's 10 MHz lacks; else -1. */
static int sync_of(const struct card *c, enum pin_kind kind, u64 raw)
{
	int partner = pin_partner(kind);

	if (partner < 0 || c->pin[kind].frequency != DPLL_PIN_FREQUENCY_10_MHZ ||
	    c->pin[partner].frequency != DPLL_PIN_FREQUENCY_1_HZ ||
	    !pin_has_signal(c, partner, raw))
		return -1;
	return c->pin[kind].paired == DPLL_PIN_STATE_CONNECTED ||
	       c->pin[partner].paired == DPLL_PIN_STATE_CONNECTED ? partner : -1;
}

/*
 * Whether an input says where a second begins: 10 MHz do not, unless a pulse is
 * embedded in them or comes with them at the pin's partner.
 */
bool pin_has_second(const struct card *c, enum pin_kind kind, u64 raw)
{
	const struct pin *p = &c->pin[kind];

	return p->frequency != DPLL_PIN_FREQUENCY_10_MHZ || p->esync ||
	       sync_of(c, kind, raw) >= 0;
}

/* Phase of the edge at an input that has a signal. */
s64 pin_phase_fs(const struct card *c, enum pin_kind kind, u64 raw)
{
	const struct pulse *s = pin_source(c, kind);
	const struct pin *p = &c->pin[kind];
	s64 fs = (p->phase_ps + p->adjust_ps) * 1000;
	int sync = sync_of(c, kind, raw);

	if (sync >= 0)
		return pin_phase_fs(c, sync, raw);
	if (s) {
		fs += s->now_ns * 1000000;
	} else if (phc_feeds(c, kind)) {
		/* a clock that is ahead makes its edges early */
		s64 ahead = phc_at(c, raw) - tai_at(c, raw);
		s32 rest;

		div_s64_rem(ahead, NSEC_PER_SEC, &rest);
		fs -= (s64)rest * 1000000;
	}
	return fs;
}

s64 dpll_phase_fs(const struct dpll *d, u64 raw)
{
	s64 ns = (s64)(raw - d->phase_raw);

	/* what is fast comes early */
	return d->phase_fs - div_s64(ns * d->freq_ppt, 1000000);
}

/* From raw on the output has this frequency. */
static void steer(struct dpll *d, u64 raw, s64 freq_ppt)
{
	struct card *c = d->card;

	d->phase_fs = dpll_phase_fs(d, raw);
	d->phase_raw = raw;
	if (freq_ppt == d->freq_ppt)
		return;
	d->freq_ppt = freq_ppt;
	if (d->kind == EEC && c->phc.coupled) {
		phc_move(c, now_raw());
		phc_rate(c);
	}
}

static void run_free(struct dpll *d, u64 raw)
{
	s64 crystal = oscillator_ppt(d->card, raw);

	if (d->status == DPLL_LOCK_STATUS_UNLOCKED)
		d->pull_ppt = 0;
	steer(d, raw, crystal + d->pull_ppt);
}

static void set_status(struct dpll *d, enum dpll_lock_status status, u64 raw)
{
	d->status = status;
	d->since_raw = raw;
	if (status == DPLL_LOCK_STATUS_UNLOCKED || status == DPLL_LOCK_STATUS_HOLDOVER) {
		d->reference = -1;
		d->acquiring = false;
		run_free(d, raw);
	}
}

/* The PPS DPLL follows seconds. */
static bool usable(const struct dpll *d, enum pin_kind kind, u64 raw)
{
	return pin_has_signal(d->card, kind, raw) &&
	       (d->kind != PPS || pin_has_second(d->card, kind, raw));
}

static int best_input(const struct dpll *d, u64 raw)
{
	const struct card *c = d->card;
	int i, best = -1;

	if (d->mode == DPLL_MODE_MANUAL)
		return d->manual >= 0 && usable(d, d->manual, raw) ? d->manual : -1;
	for (i = 0; i < INPUTS; i++) {
		const struct pin *p = &c->pin[i];

		if (!p->enabled[d->kind] || p->priority[d->kind] >= NEVER || !usable(d, i, raw))
			continue;
		if (best < 0 || p->priority[d->kind] < c->pin[best].priority[d->kind])
			best = i;
	}
	return best;
}

/* Sets the output onto the reference, frequency included. */
static void snap(struct dpll *d, u64 raw)
{
	d->phase_fs = pin_phase_fs(d->card, d->reference, raw);
	d->phase_raw = raw;
	d->error_fs = 0;
	d->pull_ppt = -oscillator_ppt(d->card, raw);
	steer(d, raw, 0);
}

static void acquire(struct dpll *d, int input, u64 raw)
{
	s64 away;

	d->acquiring = true;
	d->acquire_raw = raw;
	d->reference = input;
	away = pin_phase_fs(d->card, input, raw) - dpll_phase_fs(d, raw);
	if (d->status == DPLL_LOCK_STATUS_UNLOCKED || abs(away) > SNAP_FS)
		snap(d, raw);
}

static bool after(u64 since, u32 seconds, u64 raw)
{
	return (s64)(raw - since) >= (s64)seconds * NSEC_PER_SEC;
}

static void judge_one(struct dpll *d, u64 raw)
{
	struct card *c = d->card;
	int best;

	if (d->forced)
		return;
	best = best_input(d, raw);
	switch (d->status) {
	case DPLL_LOCK_STATUS_UNLOCKED:
	case DPLL_LOCK_STATUS_HOLDOVER:
		if (best < 0) {
			if (d->acquiring)
				set_status(d, d->status, d->since_raw);
		} else if (!d->acquiring || d->reference != best) {
			acquire(d, best, raw);
		}
		if (d->acquiring && after(d->acquire_raw, c->lock_s, raw)) {
			d->acquiring = false;
			set_status(d, DPLL_LOCK_STATUS_LOCKED, raw);
		} else if (!d->acquiring && d->status == DPLL_LOCK_STATUS_HOLDOVER &&
			   c->holdover_s && after(d->since_raw, c->holdover_s, raw)) {
			set_status(d, DPLL_LOCK_STATUS_UNLOCKED, raw);
		}
		break;
	case DPLL_LOCK_STATUS_LOCKED:
	case DPLL_LOCK_STATUS_LOCKED_HO_ACQ: {
		bool learned = d->status == DPLL_LOCK_STATUS_LOCKED_HO_ACQ;

		/* another input that stands far away costs the lock */
		if (best >= 0 && best != d->reference &&
		    abs(pin_phase_fs(c, best, raw) - dpll_phase_fs(d, raw)) <= SNAP_FS)
			d->reference = best;
		if (best < 0 || best != d->reference)
			set_status(d, learned ? DPLL_LOCK_STATUS_HOLDOVER :
				   DPLL_LOCK_STATUS_UNLOCKED, raw);
		else if (!learned && after(d->since_raw, c->hoacq_s, raw))
			set_status(d, DPLL_LOCK_STATUS_LOCKED_HO_ACQ, raw);
		break;
	}
	default:
		break;
	}
}

void dpll_judge(struct card *c, u64 raw)
{
	int k;

	for (k = 0; k < DPLLS; k++)
		judge_one(&c->dpll[k], raw);
}

/* One sample of the phase detector. */
static void track(struct dpll *d, u64 raw)
{
	struct card *c = d->card;
	const struct pulse *s = pin_source(c, d->reference);
	s64 crystal = oscillator_ppt(c, raw), bandwidth = d->bandwidth_mhz, error;

	if (s && s->last_raw != raw) {
		/* no pulse this time: nothing to compare with */
		steer(d, raw, crystal + d->pull_ppt);
		return;
	}
	error = pin_phase_fs(c, d->reference, raw) - dpll_phase_fs(d, raw);
	/* the detector's own noise, 0.2 ns at most */
	error += random_within(c, 200000);
	if (abs(error) > SNAP_FS) {
		/* out of reach: what it follows has jumped */
		d->error_fs = error;
		if (d->acquiring)
			snap(d, raw);
		else if (!d->forced)
			set_status(d, d->status == DPLL_LOCK_STATUS_LOCKED_HO_ACQ ?
				   DPLL_LOCK_STATUS_HOLDOVER : DPLL_LOCK_STATUS_UNLOCKED, raw);
		return;
	}
	d->error_fs = error;
	/* critically damped: ki = (kp / 2)^2, with kp = 4 x bandwidth */
	d->pull_ppt -= div_s64(error * 4 * bandwidth * bandwidth, 1000000000);
	steer(d, raw, crystal + d->pull_ppt - div_s64(error * 4 * bandwidth, 1000000));
}

void dpll_second(struct card *c, u64 raw)
{
	int k;

	dpll_judge(c, raw);
	for (k = 0; k < DPLLS; k++) {
		struct dpll *d = &c->dpll[k];

		if (d->reference >= 0)
			track(d, raw);
		else
			run_free(d, raw);
	}
}

void dpll_force(struct dpll *d, enum dpll_lock_status status, u64 raw)
{
	int best = best_input(d, raw);

	d->forced = true;
	d->acquiring = false;
	if (status == DPLL_LOCK_STATUS_LOCKED || status == DPLL_LOCK_STATUS_LOCKED_HO_ACQ)
		d->reference = best >= 0 ? best : IN_GNSS;
	set_status(d, status, raw);
}

void dpll_free(struct dpll *d, u64 raw)
{
	d->forced = false;
	d->forced_phase = false;
	d->since_raw = raw;
	judge_one(d, raw);
}

void dpll_init(struct card *c)
{
	u64 raw = now_raw();
	int k;

	/* what an E810 takes: 12 s, then nearly half a minute more */
	c->lock_s = 12;
	c->hoacq_s = 29;
	c->dpll_extras = card_extras;
	for (k = 0; k < DPLLS; k++) {
		struct dpll *d = &c->dpll[k];

		d->card = c;
		d->kind = k;
		d->status = DPLL_LOCK_STATUS_UNLOCKED;
		d->since_raw = raw;
		d->phase_raw = raw;
		d->freq_ppt = oscillator_ppt(c, raw);
		d->reference = -1;
		d->manual = -1;
		d->bandwidth_mhz = 60;
		d->mode = DPLL_MODE_AUTOMATIC;
		d->quality = DPLL_CLOCK_QUALITY_LEVEL_ITU_OPT1_EEEC;
		d->temperature = 42000;
		d->status_error = card_extras ? DPLL_LOCK_STATUS_ERROR_NONE : 0;
	}
}
