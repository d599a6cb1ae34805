// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line over CLOCK_MONOTONIC_RAW: an anchor and a rate. Whenever the rate is
 * to change, the anchor moves up to that instant first.
 */
#include "card.h"

#define ONE		(1ULL << 60)
#define PPT		1000000000000ULL

/* 1 + ppt in units of 2^-60 */
u64 line_factor(s64 ppt)
{
	u64 part = mul_u64_u64_div_u64(abs(ppt), ONE, PPT);

	return ppt < 0 ? ONE - part : ONE + part;
}

s64 line_at(const struct line *l, u64 raw)
{
	unsigned __int128 way;

	if (raw >= l->anchor_raw) {
		way = (unsigned __int128)(raw - l->anchor_raw) * l->rate + l->anchor_frac;
		return l->anchor_ns + (s64)(way >> 60);
	}
	/* an edge that was due shortly before the anchor */
	way = (unsigned __int128)(l->anchor_raw - raw) * l->rate;
	return l->anchor_ns - (s64)(way >> 60);
}

/* When the line shows ns, to a nanosecond or two. */
u64 line_raw(const struct line *l, s64 ns)
{
	if (ns >= l->anchor_ns)
		return l->anchor_raw + mul_u64_u64_div_u64(ns - l->anchor_ns, ONE, l->rate);
	return l->anchor_raw - mul_u64_u64_div_u64(l->anchor_ns - ns, ONE, l->rate);
}

/* Moves the anchor up to raw without changing what the line shows. */
void line_move(struct line *l, u64 raw)
{
	unsigned __int128 way;

	if (raw <= l->anchor_raw)
		return;
	way = (unsigned __int128)(raw - l->anchor_raw) * l->rate + l->anchor_frac;
	l->anchor_ns += (s64)(way >> 60);
	l->anchor_frac = (u64)way & (ONE - 1);
	l->anchor_raw = raw;
}
