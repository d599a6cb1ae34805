// SPDX-License-Identifier: GPL-2.0-only
/*
 * The crystal: its frequency is a constant offset, plus ageing, plus the
 * temperature's share, plus a random walk. Everything else on the card that
 * runs free runs on it.
 */
#include "card.h"

#define DAY_NS	(86400ULL * NSEC_PER_SEC)

void oscillator_init(struct card *c, u64 seed, s64 offset_ppt)
{
	c->oscillator = (struct oscillator) {
		.offset_ppt = offset_ppt,
		.walk_step_ppt = 0,
		.temperature = 25000,
		.tempco_ppt = 200,
		.born_ns = now_raw(),
		/* never 0: the generator would stay there */
		.random = seed * 0x9e3779b97f4a7c15ULL | 1,
	};
}

/* xorshift64*, the upper half; card.lock */
u32 random_u32(struct card *c)
{
	u64 x = c->oscillator.random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	c->oscillator.random = x;
	return (x * 0x2545f4914f6cdd1dULL) >> 32;
}

/* From -amplitude to +amplitude, more often near 0 (the mean of four). */
s64 random_within(struct card *c, u64 amplitude)
{
	s64 sum = 0;
	int i;

	for (i = 0; i < 4; i++)
		sum += (s64)random_u32(c) - 0x7fffffffLL;
	/* sum is within 2^33 */
	return (s64)mul_u64_u32_shr(amplitude, (u32)(abs(sum) >> 2), 31) * (sum < 0 ? -1 : 1);
}

/* Once a second: a step of the random walk. */
void oscillator_second(struct card *c)
{
	struct oscillator *o = &c->oscillator;

	if (o->walk_step_ppt)
		o->walk_ppt += random_within(c, o->walk_step_ppt);
}

s64 oscillator_ppt(const struct card *c, u64 raw)
{
	const struct oscillator *o = &c->oscillator;
	s64 age_s = div_s64((s64)(raw - o->born_ns), NSEC_PER_SEC);

	return o->offset_ppt + o->walk_ppt +
	       div_s64(o->aging_ppt_day * age_s, DAY_NS / NSEC_PER_SEC) +
	       div_s64(o->tempco_ppt * (o->temperature - 25000), 1000);
}
