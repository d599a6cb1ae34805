// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that can be told to a card. Each pattern is also its
 * documentation in `controls`.
 */
#include "card.h"

#define RUN(name)	static int name(struct card *c, struct arguments *a)

static int wrong(struct arguments *a, const char *why)
{
	strscpy(a->why, why, sizeof(a->why));
	return -EINVAL;
}

static bool outside(struct arguments *a, s64 v, s64 low, s64 high)
{
	if (v >= low && v <= high)
		return false;
	snprintf(a->why, sizeof(a->why), "%lld is not from %lld to %lld", v, low, high);
	return true;
}

/* A change of the hardware under its lock, with the clock's line cut there. */
#define HARDWARE(c, ...) do {					\
	unsigned long flags_;					\
								\
	spin_lock_irqsave(&(c)->lock, flags_);			\
	phc_move(c, now_raw());					\
	__VA_ARGS__;						\
	phc_rate(c);						\
	spin_unlock_irqrestore(&(c)->lock, flags_);		\
} while (0)

#define RECEIVER(c, ...) do {					\
	mutex_lock(&(c)->receiver.lock);			\
	__VA_ARGS__;						\
	mutex_unlock(&(c)->receiver.lock);			\
} while (0)

/* The driver looks at once, as far as it lives. */
static void look_now(struct card *c)
{
	mutex_lock(&c->driver);
	if (c->bound && !c->worker_dead && !c->worker_stuck)
		poll_now(c);
	mutex_unlock(&c->driver);
}

static void device_now(struct card *c, enum dpll_kind kind)
{
	mutex_lock(&c->driver);
	if (!c->worker_dead)
		poll_device_changed(c, kind);
	mutex_unlock(&c->driver);
}

/* ---- receiver */

RUN(gnss_antenna_run)
{
	RECEIVER(c, gnss_antenna(c, a->choice[0] == 0, a->choice[0] == 2));
	return 0;
}

RUN(gnss_fix_run)
{
	if (outside(a, a->number[0], 0, 5))
		return -EINVAL;
	RECEIVER(c, c->receiver.fix_wanted = a->number[0];
		 if (c->receiver.antenna && !c->receiver.shorted)
			 c->receiver.fix = a->number[0]);
	return 0;
}

RUN(gnss_silence_run)
{
	RECEIVER(c, c->receiver.silent = !a->choice[0]);
	return 0;
}

RUN(gnss_truncate_run)
{
	RECEIVER(c, c->receiver.truncate = !a->choice[0]);
	return 0;
}

RUN(gnss_garbage_run)
{
	s64 left = a->number[0];
	u8 block[64];

	if (outside(a, left, 0, 65536))
		return -EINVAL;
	mutex_lock(&c->receiver.lock);
	while (left > 0) {
		int i, n = min_t(s64, left, sizeof(block));
		unsigned long flags;

		spin_lock_irqsave(&c->lock, flags);
		for (i = 0; i < n; i++)
			block[i] = random_u32(c) >> 24;
		spin_unlock_irqrestore(&c->lock, flags);
		gnss_send(&c->receiver, block, n);
		left -= n;
	}
	mutex_unlock(&c->receiver.lock);
	return 0;
}

RUN(gnss_raw_run)
{
	RECEIVER(c, gnss_send(&c->receiver, a->text, strlen(a->text));
		 gnss_send(&c->receiver, "\r\n", 2));
	return 0;
}

RUN(gnss_delay_run)
{
	if (outside(a, a->number[0], 0, 950))
		return -EINVAL;
	RECEIVER(c, c->receiver.delay_ms = a->number[0]);
	return 0;
}

/* Another number of leap seconds: UTC stays, TAI and GPS time move. */
RUN(gnss_leap_run)
{
	struct receiver *r = &c->receiver;

	if (outside(a, a->number[0], 0, 127))
		return -EINVAL;
	mutex_lock(&r->lock);
	HARDWARE(c, c->tai_at_0 += (a->number[0] - r->leap_s) * NSEC_PER_SEC);
	r->epoch_tai_s += a->number[0] - r->leap_s;
	r->leap_s = a->number[0];
	mutex_unlock(&r->lock);
	return 0;
}

/* Another day: true time moves by whole seconds, and the PHC with it. */
RUN(time_utc_run)
{
	struct receiver *r = &c->receiver;
	s64 by;

	/* 2000 to 2099 */
	if (outside(a, a->number[0], 946684800LL, 4102444799LL))
		return -EINVAL;
	mutex_lock(&r->lock);
	by = a->number[0] + TAI_GPS_S + r->leap_s -
	     div_s64(tai_at(c, now_raw()), NSEC_PER_SEC);
	HARDWARE(c, c->tai_at_0 += by * NSEC_PER_SEC; phc_step(c, by * NSEC_PER_SEC));
	r->epoch_tai_s += by;
	r->leap_change = 0;
	r->leap_tai_s = 0;
	mutex_unlock(&r->lock);
	return 0;
}

RUN(gnss_leap_pending_run)
{
	struct receiver *r = &c->receiver;
	s64 utc;

	if (outside(a, a->number[0], 1, 90 * 86400) || outside(a, a->number[1], -1, 1))
		return -EINVAL;
	mutex_lock(&r->lock);
	r->leap_change = a->number[1];
	r->leap_tai_s = 0;
	if (a->number[1]) {
		/* after the last second of that minute */
		utc = r->epoch_tai_s - TAI_GPS_S - r->leap_s + a->number[0];
		utc = (div_s64(utc, 60) + 1) * 60;
		r->leap_tai_s = utc + TAI_GPS_S + r->leap_s + r->leap_change;
		if (r->leap_change < 0)
			r->leap_tai_s = utc - 1 + TAI_GPS_S + r->leap_s;
	}
	mutex_unlock(&r->lock);
	return 0;
}

RUN(gnss_tacc_run)
{
	if (outside(a, a->number[0], 0, 4000000000LL))
		return -EINVAL;
	RECEIVER(c, c->receiver.tacc_ns = a->number[0]);
	return 0;
}

RUN(gnss_acquire_run)
{
	if (outside(a, a->number[0], 0, 86400))
		return -EINVAL;
	RECEIVER(c, c->receiver.acquire_s = a->number[0]);
	return 0;
}

RUN(gnss_burst_run)
{
	if (outside(a, a->number[0], 0, 1000))
		return -EINVAL;
	RECEIVER(c, c->receiver.burst_ms = a->number[0]);
	return 0;
}

RUN(gnss_jamming_run)
{
	if (outside(a, a->number[0], 0, 3))
		return -EINVAL;
	RECEIVER(c, c->receiver.jamming = a->number[0]);
	return 0;
}

RUN(gnss_spoofing_run)
{
	if (outside(a, a->number[0], 0, 3))
		return -EINVAL;
	RECEIVER(c, c->receiver.spoofing = a->number[0]);
	return 0;
}

RUN(gnss_factory_run)
{
	RECEIVER(c, config_default(&c->receiver.config));
	return 0;
}

/* ---- pulses */

RUN(pps_on_run)
{
	struct pulse *s = &c->source[a->choice[0]];

	HARDWARE(c, s->on = !a->choice[1]; s->last_raw = now_raw(); dpll_judge(c, now_raw()));
	return 0;
}

RUN(pps_offset_run)
{
	if (outside(a, a->number[0], -NSEC_PER_SEC / 4, NSEC_PER_SEC / 4))
		return -EINVAL;
	HARDWARE(c, c->source[a->choice[0]].offset_ns = a->number[0]);
	return 0;
}

RUN(pps_noise_run)
{
	if (outside(a, a->number[0], 0, 100000000))
		return -EINVAL;
	HARDWARE(c, c->source[a->choice[0]].noise_ns = a->number[0]);
	return 0;
}

RUN(pps_drop_run)
{
	if (outside(a, a->number[0], 0, U32_MAX))
		return -EINVAL;
	HARDWARE(c, c->source[a->choice[0]].drop = a->number[0]);
	return 0;
}

RUN(pps_walk_run)
{
	if (outside(a, a->number[0], -1000000, 1000000))
		return -EINVAL;
	HARDWARE(c, c->source[a->choice[0]].walk_ns = a->number[0]);
	return 0;
}

/* ---- DPLLs */

RUN(dpll_force_run)
{
	HARDWARE(c, dpll_force(&c->dpll[a->choice[0]], a->choice[1] + DPLL_LOCK_STATUS_UNLOCKED,
			       now_raw()));
	look_now(c);
	return 0;
}

RUN(dpll_auto_run)
{
	HARDWARE(c, dpll_free(&c->dpll[a->choice[0]], now_raw()));
	look_now(c);
	return 0;
}

RUN(dpll_error_run)
{
	if (outside(a, a->number[0], 0, DPLL_LOCK_STATUS_ERROR_MAX))
		return -EINVAL;
	c->dpll[a->choice[0]].status_error = a->number[0];
	device_now(c, a->choice[0]);
	return 0;
}

RUN(dpll_quality_run)
{
	if (outside(a, a->number[0], 1, DPLL_CLOCK_QUALITY_LEVEL_MAX))
		return -EINVAL;
	c->dpll[a->choice[0]].quality = a->number[0];
	device_now(c, a->choice[0]);
	return 0;
}

RUN(dpll_temp_run)
{
	if (outside(a, a->number[0], -273150, 1000000))
		return -EINVAL;
	c->dpll[a->choice[0]].temperature = a->number[0];
	device_now(c, a->choice[0]);
	return 0;
}

RUN(dpll_phase_run)
{
	struct dpll *d = &c->dpll[a->choice[0]];

	if (outside(a, a->number[0], -1000000000000LL, 1000000000000LL))
		return -EINVAL;
	HARDWARE(c, d->forced_phase = true; d->forced_phase_fs = a->number[0] * 1000);
	look_now(c);
	return 0;
}

RUN(dpll_bandwidth_run)
{
	/* over 250 mHz a loop that is fed once a second does not settle */
	if (outside(a, a->number[0], 1, 250))
		return -EINVAL;
	HARDWARE(c, c->dpll[a->choice[0]].bandwidth_mhz = a->number[0]);
	return 0;
}

RUN(dpll_switch_run)
{
	int to = pin_by_label(a->label), from, i, kind = a->choice[0];
	u32 top = 255;

	if (to < 0 || to >= INPUTS)
		return wrong(a, "no such input");
	from = to;
	for (i = 0; i < INPUTS; i++)
		if (c->pin[i].priority[kind] < top) {
			top = c->pin[i].priority[kind];
			from = i;
		}
	HARDWARE(c, swap(c->pin[from].priority[kind], c->pin[to].priority[kind]);
		 dpll_judge(c, now_raw()));
	return 0;
}

/* The core takes operations that must not change while they are registered. */
RUN(dpll_offer_run)
{
	/* off is what it was loaded with */
	c->dpll_extras = !a->choice[0] || card_extras;
	return function_reload(c);
}

RUN(dpll_errors_run)
{
	if (outside(a, a->number[0], 0, 1000))
		return -EINVAL;
	WRITE_ONCE(c->errors_due, a->number[0]);
	return 0;
}

RUN(dpll_worker_run)
{
	mutex_lock(&c->driver);
	WRITE_ONCE(c->worker_stuck, a->choice[0] == 2);
	if (!a->choice[0] && !c->worker_dead) {
		WRITE_ONCE(c->worker_dead, true);
		cancel_delayed_work_sync(&c->poll);
		pr_err("card%d: EEC/PPS DPLLs periodic work disabled\n", c->index);
	} else if (a->choice[0] == 1 && c->worker_dead) {
		c->errors = 0;
		WRITE_ONCE(c->errors_due, 0);
		WRITE_ONCE(c->worker_dead, false);
		if (c->bound)
			mod_delayed_work(card_wq, &c->poll, 0);
	}
	mutex_unlock(&c->driver);
	return 0;
}

/* ---- pins */

static struct pin *find_pin(struct card *c, struct arguments *a)
{
	int i = pin_by_label(a->label);

	if (i < 0)
		wrong(a, "no pin has this label");
	return i < 0 ? NULL : &c->pin[i];
}

RUN(pin_signal_run)
{
	struct pin *p = find_pin(c, a);

	if (!p)
		return -EINVAL;
	/* what stands on SMA1 and SMA2 are pulses */
	if (p->kind == IN_SMA1 || p->kind == IN_SMA2) {
		struct pulse *s = &c->source[p->kind == IN_SMA1 ? SRC_SMA1 : SRC_SMA2];

		HARDWARE(c, s->on = !a->choice[0]; s->last_raw = now_raw();
			 p->blocked = a->choice[0]; dpll_judge(c, now_raw()));
		return 0;
	}
	HARDWARE(c, p->signal = !a->choice[0]; p->blocked = a->choice[0];
		 dpll_judge(c, now_raw()));
	return 0;
}

RUN(pin_phase_run)
{
	struct pin *p = find_pin(c, a);

	if (!p || outside(a, a->number[0], -250000000000LL, 250000000000LL))
		return -EINVAL;
	HARDWARE(c, p->phase_ps = a->number[0]);
	return 0;
}

RUN(pin_ffo_run)
{
	struct pin *p = find_pin(c, a);

	if (!p || outside(a, a->number[0], -1000000000LL, 1000000000LL))
		return -EINVAL;
	HARDWARE(c, p->ffo_ppt = a->number[0]);
	mutex_lock(&c->driver);
	if (!c->worker_dead)
		poll_pin_changed(c, p->kind);
	mutex_unlock(&c->driver);
	return 0;
}

/* ---- PHC and crystal */

RUN(phc_step_run)
{
	if (outside(a, a->number[0], -1000000000000000LL, 1000000000000000LL))
		return -EINVAL;
	HARDWARE(c, phc_step(c, a->number[0]));
	return 0;
}

RUN(phc_drift_run)
{
	if (outside(a, a->number[0], -1000000000LL, 1000000000LL))
		return -EINVAL;
	HARDWARE(c, c->phc.drift_ppt = a->number[0]);
	return 0;
}

RUN(phc_error_run)
{
	HARDWARE(c, c->phc.fails = !a->choice[0]);
	return 0;
}

RUN(phc_read_run)
{
	if (outside(a, a->number[0], 0, 20000))
		return -EINVAL;
	HARDWARE(c, c->phc.read_ns = a->number[0]);
	return 0;
}

RUN(phc_coupled_run)
{
	HARDWARE(c, c->phc.coupled = !a->choice[0]);
	return 0;
}

RUN(phc_extts_run)
{
	HARDWARE(c, c->phc.extts_from_dpll = a->choice[0]);
	return 0;
}

/* The core looks at these only when a clock is registered. */
RUN(phc_offer_run)
{
	u32 what = BIT(a->choice[0]);

	HARDWARE(c, c->phc.offers = a->choice[1] ? c->phc.offers & ~what : c->phc.offers | what);
	return function_reload(c);
}

RUN(loop_perout_run)
{
	HARDWARE(c, c->phc.looped = !a->choice[0]; output_anew(c));
	return 0;
}

RUN(osc_run)
{
	if (outside(a, a->number[0], -100000000LL, 100000000LL))
		return -EINVAL;
	HARDWARE(c, c->oscillator.offset_ppt = a->number[0]);
	return 0;
}

RUN(osc_walk_run)
{
	if (outside(a, a->number[0], 0, 1000000))
		return -EINVAL;
	HARDWARE(c, c->oscillator.walk_step_ppt = a->number[0]);
	return 0;
}

RUN(osc_aging_run)
{
	if (outside(a, a->number[0], -1000000000LL, 1000000000LL))
		return -EINVAL;
	HARDWARE(c, c->oscillator.aging_ppt_day = a->number[0]);
	return 0;
}

RUN(osc_temp_run)
{
	if (outside(a, a->number[0], -100000, 200000))
		return -EINVAL;
	HARDWARE(c, c->oscillator.temperature = a->number[0]);
	return 0;
}

RUN(osc_tempco_run)
{
	if (outside(a, a->number[0], -1000000, 1000000))
		return -EINVAL;
	HARDWARE(c, c->oscillator.tempco_ppt = a->number[0]);
	return 0;
}

/* ---- cables */

RUN(cable_delay_run)
{
	if (outside(a, a->number[0], 0, NSEC_PER_SEC / 10))
		return -EINVAL;
	c->cable_ns = a->number[0];
	return 0;
}

RUN(cable_asym_run)
{
	if (outside(a, a->number[0], -NSEC_PER_SEC / 10, NSEC_PER_SEC / 10))
		return -EINVAL;
	c->cable_asym_ns = a->number[0];
	return 0;
}

RUN(cable_cut_run)
{
	c->cable_cut = !a->choice[0];
	net_carrier(c);
	HARDWARE(c, dpll_judge(c, now_raw()));
	return 0;
}

RUN(stamp_drop_run)
{
	if (outside(a, a->number[0], 0, 1000000))
		return -EINVAL;
	WRITE_ONCE(c->stamps_lost, a->number[0]);
	return 0;
}

/* ---- speeds and the driver */

RUN(lock_s_run)
{
	if (outside(a, a->number[0], 0, 86400))
		return -EINVAL;
	HARDWARE(c, c->lock_s = a->number[0]);
	return 0;
}

RUN(hoacq_s_run)
{
	if (outside(a, a->number[0], 0, 86400))
		return -EINVAL;
	HARDWARE(c, c->hoacq_s = a->number[0]);
	return 0;
}

RUN(holdover_s_run)
{
	if (outside(a, a->number[0], 0, 864000))
		return -EINVAL;
	HARDWARE(c, c->holdover_s = a->number[0]);
	return 0;
}

RUN(poll_ms_run)
{
	if (outside(a, a->number[0], 1, 60000))
		return -EINVAL;
	mutex_lock(&c->driver);
	WRITE_ONCE(c->poll_ms, a->number[0]);
	if (c->bound && !c->worker_dead)
		mod_delayed_work(card_wq, &c->poll, msecs_to_jiffies(c->poll_ms));
	mutex_unlock(&c->driver);
	return 0;
}

RUN(ntf_silent_run)
{
	WRITE_ONCE(c->ntf_silent, !a->choice[0]);
	return 0;
}

RUN(ntf_flood_run)
{
	if (outside(a, a->number[0], 0, 100000))
		return -EINVAL;
	mutex_lock(&c->driver);
	poll_flood(c, a->number[0]);
	mutex_unlock(&c->driver);
	return 0;
}

RUN(ntf_without_run)
{
	bool without = !a->choice[1];

	if (a->choice[0] == 0)
		c->without_phase = without;
	else if (a->choice[0] == 1)
		c->without_priority = without;
	else
		c->without_frequency = without;
	/* the core asks a table that must not change while it is registered */
	return function_reload(c);
}

RUN(reload_run)
{
	return function_reload(c);
}

const struct command commands[] = {
	{ "gnss antenna on|off|short", gnss_antenna_run },
	{ "gnss fix N", gnss_fix_run },
	{ "gnss silence on|off", gnss_silence_run },
	{ "gnss garbage N", gnss_garbage_run },
	{ "gnss raw TEXT", gnss_raw_run },
	{ "gnss truncate on|off", gnss_truncate_run },
	{ "gnss delay MS", gnss_delay_run },
	{ "gnss leap S", gnss_leap_run },
	{ "gnss leap_pending S CHANGE", gnss_leap_pending_run },
	{ "time utc S", time_utc_run },
	{ "gnss tacc NS", gnss_tacc_run },
	{ "gnss acquire S", gnss_acquire_run },
	{ "gnss burst MS", gnss_burst_run },
	{ "gnss jamming N", gnss_jamming_run },
	{ "gnss spoofing N", gnss_spoofing_run },
	{ "gnss factory", gnss_factory_run },
	{ "pps gnss|sma1|sma2 on|off", pps_on_run },
	{ "pps gnss|sma1|sma2 offset NS", pps_offset_run },
	{ "pps gnss|sma1|sma2 noise NS", pps_noise_run },
	{ "pps gnss|sma1|sma2 drop N", pps_drop_run },
	{ "pps gnss|sma1|sma2 walk NS_PER_S", pps_walk_run },
	{ "dpll eec|pps force unlocked|locked|locked-ho-acq|holdover", dpll_force_run },
	{ "dpll eec|pps auto", dpll_auto_run },
	{ "dpll eec|pps error N", dpll_error_run },
	{ "dpll eec|pps quality N", dpll_quality_run },
	{ "dpll eec|pps temp MILLI", dpll_temp_run },
	{ "dpll eec|pps phase PS", dpll_phase_run },
	{ "dpll eec|pps bandwidth MHZ", dpll_bandwidth_run },
	{ "dpll eec|pps switch LABEL", dpll_switch_run },
	{ "dpll errors N", dpll_errors_run },
	{ "dpll offer on|off", dpll_offer_run },
	{ "dpll worker dead|alive|stuck", dpll_worker_run },
	{ "pin LABEL signal on|off", pin_signal_run },
	{ "pin LABEL phase PS", pin_phase_run },
	{ "pin LABEL ffo PPT", pin_ffo_run },
	{ "phc step NS", phc_step_run },
	{ "phc drift PPT", phc_drift_run },
	{ "phc osc PPT", osc_run },
	{ "phc error on|off", phc_error_run },
	{ "phc read NS", phc_read_run },
	{ "phc coupled on|off", phc_coupled_run },
	{ "phc extts gnss|dpll", phc_extts_run },
	/* in the order of enum offer */
	{ "phc offer counter|cross|pps|duty|once on|off", phc_offer_run },
	{ "loop perout on|off", loop_perout_run },
	{ "osc PPT", osc_run },
	{ "osc walk PPT", osc_walk_run },
	{ "osc aging PPT_PER_DAY", osc_aging_run },
	{ "osc temp MILLI", osc_temp_run },
	{ "osc tempco PPT_PER_K", osc_tempco_run },
	{ "cable delay NS", cable_delay_run },
	{ "cable asym NS", cable_asym_run },
	{ "cable cut on|off", cable_cut_run },
	{ "stamp drop N", stamp_drop_run },
	{ "lock_s S", lock_s_run },
	{ "hoacq_s S", hoacq_s_run },
	{ "holdover_s S", holdover_s_run },
	{ "poll_ms MS", poll_ms_run },
	{ "ntf silent on|off", ntf_silent_run },
	{ "ntf flood N", ntf_flood_run },
	{ "ntf without phase|priority|frequency on|off", ntf_without_run },
	{ "reload", reload_run },
	{}
};
