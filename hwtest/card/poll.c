// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's view of the DPLLs: it asks the chip every 500 ms and remembers.
 * User space is told what was remembered, and is notified when that changed,
 * so everything comes up to half a second late. After more than 50 failed
 * requests the worker gives up for good, as ice does.
 */
#include "card.h"

#define RETRY_MS	10
#define ERRORS_MAX	50
/* The EEC's phase is measured against nothing that anybody knows. */
#define EEC_PHASE_FS	(-23279798287100LL)

static bool quiet(struct card *c)
{
	return READ_ONCE(c->ntf_silent) || !c->bound;
}

void poll_device_changed(struct card *c, enum dpll_kind kind)
{
	if (quiet(c) || !c->dpll[kind].registered)
		return;
	c->ntfs++;
	dpll_device_change_ntf(c->dpll[kind].device);
}

/* The core tells nobody of a device's settings, and waits for us while it sets them. */
static void told_work(struct work_struct *work)
{
	struct card *c = container_of(work, struct card, told);
	int i;

	for (i = 0; i < DPLLS; i++)
		if (test_and_clear_bit(i, &c->to_tell))
			poll_device_changed(c, i);
}

void poll_device_set(struct card *c, enum dpll_kind kind)
{
	set_bit(kind, &c->to_tell);
	queue_work(card_wq, &c->told);
}

void poll_pin_changed(struct card *c, enum pin_kind kind)
{
	if (quiet(c) || !c->pin[kind].registered)
		return;
	c->ntfs++;
	dpll_pin_change_ntf(c->pin[kind].handle);
}

/* What changed: a bit for each DPLL, above it one for each pin. */
static u32 look(struct dpll *d)
{
	bool locked = d->status == DPLL_LOCK_STATUS_LOCKED ||
		      d->status == DPLL_LOCK_STATUS_LOCKED_HO_ACQ;
	int active = locked ? d->reference : -1, was = d->seen_active;
	s64 phase = d->forced_phase ? d->forced_phase_fs : d->error_fs;
	u32 changed = 0;

	if (d->kind == EEC && !d->forced_phase)
		phase = EEC_PHASE_FS + 1000 * phase;
	if (d->status != d->seen_status)
		changed |= BIT(d->kind);
	if (active != was) {
		if (was >= 0)
			changed |= BIT(DPLLS + was);
		if (active >= 0)
			changed |= BIT(DPLLS + active);
	} else if (active >= 0 && phase != d->seen_phase_fs) {
		changed |= BIT(DPLLS + active);
	}
	d->seen_status = d->status;
	d->seen_active = active;
	if (active >= 0 && active == was)
		/* as the kernel has it: avg = prev * (2^N - 1) / 2^N + new / 2^N */
		d->seen_phase_fs += div_s64(phase - d->seen_phase_fs, BIT(d->average));
	else if (active >= 0)
		d->seen_phase_fs = phase;
	return changed;
}

/* Inputs with a signal: a phase that is measured is never twice the same. */
static u32 measured(struct card *c)
{
	u64 raw = now_raw();
	u32 found = 0;
	int i;

	for (i = 0; i < INPUTS; i++)
		if (pin_has_signal(c, i, raw))
			found |= BIT(DPLLS + i);
	return found;
}

/* One request for both DPLLs and the notifications it brings; card.driver. */
void poll_now(struct card *c)
{
	unsigned long flags;
	u32 changed = 0;
	int i;

	spin_lock_irqsave(&c->lock, flags);
	dpll_judge(c, now_raw());
	for (i = 0; i < DPLLS; i++)
		changed |= look(&c->dpll[i]);
	/* every second request also measures inputs that are not followed */
	if (++c->polls % 2 == 0 && c->dpll[PPS].phase_monitor)
		changed |= measured(c);
	spin_unlock_irqrestore(&c->lock, flags);
	for (i = 0; i < DPLLS; i++)
		if (changed & BIT(i))
			poll_device_changed(c, i);
	for (i = 0; i < INPUTS; i++)
		if (changed & BIT(DPLLS + i))
			poll_pin_changed(c, i);
}

/* The work does not take card.driver: stopping it waits for it under that. */
static void poll_work(struct work_struct *work)
{
	struct card *c = container_of(to_delayed_work(work), struct card, poll);
	u32 wait = READ_ONCE(c->poll_ms);

	if (READ_ONCE(c->worker_dead))
		return;
	if (READ_ONCE(c->worker_stuck)) {
		/* a device in reset: it only comes again */
	} else if (READ_ONCE(c->errors_due)) {
		c->errors_due--;
		if (++c->errors > ERRORS_MAX) {
			pr_err("card%d: EEC/PPS DPLLs periodic work disabled\n", c->index);
			WRITE_ONCE(c->worker_dead, true);
			return;
		}
		wait = RETRY_MS;
	} else {
		poll_now(c);
	}
	queue_delayed_work(card_wq, &c->poll, msecs_to_jiffies(wait));
}

void poll_flood(struct card *c, u32 count)
{
	while (count--) {
		poll_device_changed(c, count % DPLLS);
		poll_pin_changed(c, IN_GNSS);
		if (!(count & 63))
			cond_resched();
	}
}

void poll_init(struct card *c)
{
	c->poll_ms = 500;
	INIT_DELAYED_WORK(&c->poll, poll_work);
	INIT_WORK(&c->told, told_work);
}

/* The driver begins with what the chip says now, and notifies nobody. */
void poll_start(struct card *c)
{
	unsigned long flags;
	int i;

	spin_lock_irqsave(&c->lock, flags);
	for (i = 0; i < DPLLS; i++) {
		c->dpll[i].seen_active = -1;
		look(&c->dpll[i]);
	}
	spin_unlock_irqrestore(&c->lock, flags);
	c->errors = 0;
	c->worker_dead = false;
	c->worker_stuck = false;
	queue_delayed_work(card_wq, &c->poll, msecs_to_jiffies(c->poll_ms));
}

void poll_stop(struct card *c)
{
	cancel_delayed_work_sync(&c->poll);
	cancel_work_sync(&c->told);
}
