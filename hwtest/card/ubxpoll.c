// SPDX-License-Identifier: GPL-2.0-only
/*
 * The messages that the receiver sends, on request or by itself. Layouts are
 * those of the interface description of the u-blox F9 TIM 2.20 (protocol
 * version 29.20).
 */
#include <linux/time.h>
#include "card.h"

#define WEEK_S		604800
/* 1980-01-06 in seconds of TAI since 1970 */
#define GPS_EPOCH_S	(315964800 + TAI_GPS_S)

/* A payload that grows. */
struct out {
	int len;
	u8 data[512];
};

static void put(struct out *o, u64 value, int size)
{
	while (size-- && o->len < sizeof(o->data)) {
		o->data[o->len++] = value;
		value >>= 8;
	}
}

static void text(struct out *o, const char *s, int size)
{
	while (size--)
		put(o, *s ? *s++ : 0, 1);
}

static u32 itow(s64 tai_s)
{
	s32 rest;

	div_s64_rem(tai_s - GPS_EPOCH_S, WEEK_S, &rest);
	return rest * 1000;
}

static u16 week(s64 tai_s)
{
	return div_s64(tai_s - GPS_EPOCH_S, WEEK_S);
}

static u32 since_ms(u64 raw)
{
	return div_u64(now_raw() - raw, NSEC_PER_MSEC);
}

static u32 accuracy(const struct receiver *r)
{
	return r->fix ? r->tacc_ns : 4000000000U;
}

static void nav_status(struct receiver *r, s64 tai_s, struct out *o)
{
	bool fix = r->fix >= 2;

	put(o, itow(tai_s), 4);
	put(o, r->fix, 1);
	/* fix ok, week and time of week known; these two outlive the fix */
	put(o, (fix ? 1 : 0) | 0x0c, 1);
	put(o, 0, 1);
	put(o, (r->spoofing & 3) << 3, 1);
	put(o, r->fix ? r->acquire_s * 1000 : 0, 4);
	put(o, since_ms(r->start_raw), 4);
}

static void nav_clock(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, itow(tai_s), 4);
	put(o, r->fix ? -231456 : 0, 4);
	put(o, r->fix ? 43 : 0, 4);
	put(o, accuracy(r), 4);
	put(o, r->fix ? 170 : 4000000000U, 4);
}

static void nav_dop(struct receiver *r, s64 tai_s, struct out *o)
{
	static const u16 good[] = { 151, 129, 78, 107, 64, 46, 45 };
	int i;

	put(o, itow(tai_s), 4);
	for (i = 0; i < ARRAY_SIZE(good); i++)
		put(o, r->fix ? good[i] : 9999, 2);
}

static void nav_pvt(struct receiver *r, s64 tai_s, struct out *o)
{
	bool fix = r->fix >= 2;
	struct tm tm;

	gnss_utc(r, tai_s, &tm);
	put(o, itow(tai_s), 4);
	put(o, tm.tm_year + 1900, 2);
	put(o, tm.tm_mon + 1, 1);
	put(o, tm.tm_mday, 1);
	put(o, tm.tm_hour, 1);
	put(o, tm.tm_min, 1);
	put(o, tm.tm_sec, 1);
	put(o, 0x07, 1);
	put(o, accuracy(r), 4);
	put(o, 0, 4);
	put(o, r->fix, 1);
	put(o, fix, 1);
	put(o, 0xe0, 1);
	put(o, fix ? 17 : 0, 1);
	put(o, 180686000, 4);
	put(o, 593293000, 4);
	put(o, 61200, 4);
	put(o, 36800, 4);
	put(o, fix ? 840 : 4294967295U, 4);
	put(o, fix ? 1310 : 4294967295U, 4);
	put(o, 0, 12);
	put(o, 0, 8);
	put(o, fix ? 50 : 20000, 4);
	put(o, 18000000, 4);
	put(o, fix ? 129 : 9999, 2);
	put(o, fix ? 0 : 1, 2);
	put(o, 0, 4);
	put(o, 0, 8);
}

static void nav_timegps(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, itow(tai_s), 4);
	put(o, 0, 4);
	put(o, week(tai_s), 2);
	put(o, r->leap_s, 1);
	put(o, 0x07, 1);
	put(o, accuracy(r), 4);
}

static void nav_timeutc(struct receiver *r, s64 tai_s, struct out *o)
{
	struct tm tm;

	gnss_utc(r, tai_s, &tm);
	put(o, itow(tai_s), 4);
	put(o, accuracy(r), 4);
	put(o, 0, 4);
	put(o, tm.tm_year + 1900, 2);
	put(o, tm.tm_mon + 1, 1);
	put(o, tm.tm_mday, 1);
	put(o, tm.tm_hour, 1);
	put(o, tm.tm_min, 1);
	put(o, tm.tm_sec, 1);
	put(o, 0x07, 1);
}

static void nav_timels(struct receiver *r, s64 tai_s, struct out *o)
{
	bool due = r->leap_tai_s;
	s64 event = due ? r->leap_tai_s : tai_s, day;

	put(o, itow(tai_s), 4);
	put(o, 0, 4);
	put(o, 2, 1);
	put(o, r->leap_s, 1);
	put(o, due ? 2 : 0, 1);
	put(o, due ? r->leap_change : 0, 1);
	put(o, due ? event - tai_s : 0, 4);
	/* the day of UTC that ends with it; days of the week count from 1 */
	day = event - r->leap_s - 2;
	put(o, week(day), 2);
	put(o, itow(day) / 86400000 + 1, 2);
	put(o, 0, 3);
	put(o, 0x03, 1);
}

static const struct {
	u8 system, count;
	u32 key;	/* SIGNAL-*_ENA */
} systems[] = {
	{ 0, 7, 0x1031001f }, { 2, 4, 0x10310021 }, { 3, 4, 0x10310022 }, { 6, 2, 0x10310025 },
};

static void nav_sat(struct receiver *r, s64 tai_s, struct out *o)
{
	int i, n, at = 5;

	put(o, itow(tai_s), 4);
	put(o, 1, 1);
	put(o, 0, 3);
	for (i = 0; r->antenna && !r->shorted && i < ARRAY_SIZE(systems); i++) {
		u64 on = 1;

		config_get(&r->config, systems[i].key, &on);
		for (n = 0; on && n < systems[i].count; n++) {
			put(o, systems[i].system, 1);
			put(o, 2 + 4 * n, 1);
			put(o, r->jamming >= 2 ? 24 - 6 * (r->jamming - 2) : 36 + (n * 5) % 13, 1);
			put(o, 15 + (n * 17) % 70, 1);
			put(o, (n * 67) % 360, 2);
			put(o, 0, 2);
			/* code and carrier tracked, used, healthy */
			put(o, r->fix ? 0x1f : 0x11, 4);
			o->data[at]++;
		}
	}
}

static void nav_svin(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, 0, 4);
	put(o, itow(tai_s), 4);
	put(o, r->survey_s, 4);
	put(o, r->survey_s ? 310070000 : 0, 4);
	put(o, r->survey_s ? 101160000 : 0, 4);
	put(o, r->survey_s ? 546270000 : 0, 4);
	put(o, 0, 4);
	put(o, r->survey_acc_mm10, 4);
	put(o, r->survey_s, 4);
	put(o, r->survey_valid, 1);
	put(o, r->survey_active, 1);
	put(o, 0, 2);
}

static void nav_eoe(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, itow(tai_s), 4);
}

static u8 antenna_status(const struct receiver *r)
{
	return r->shorted ? 3 : r->antenna ? 2 : 4;
}

/* 0 to 255; a jammer fills it */
static u8 jam_indicator(const struct receiver *r)
{
	return r->jamming >= 3 ? 231 : r->jamming == 2 ? 118 : 9;
}

static void mon_rf(struct receiver *r, s64 tai_s, struct out *o)
{
	int i;

	put(o, 0, 1);
	put(o, 2, 1);
	put(o, 0, 2);
	for (i = 0; i < 2; i++) {
		put(o, i, 1);
		put(o, r->jamming & 3, 1);
		put(o, antenna_status(r), 1);
		put(o, !r->shorted, 1);
		put(o, 0, 4);
		put(o, 0, 4);
		put(o, r->antenna ? 84 + 200 * (r->jamming > 1) : 31, 2);
		put(o, r->antenna ? 3620 - 1100 * (r->jamming > 1) : 7800, 2);
		put(o, jam_indicator(r), 1);
		put(o, 6, 1);
		put(o, 158, 1);
		put(o, 4, 1);
		put(o, 156, 1);
		put(o, 0, 3);
	}
}

static void mon_hw(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, 0x1d3d, 4);
	put(o, 0, 4);
	put(o, 0x10000, 4);
	put(o, 0xefff, 4);
	put(o, 84, 2);
	put(o, 3620, 2);
	put(o, antenna_status(r), 1);
	put(o, !r->shorted, 1);
	/* RTC calibrated; bits 2 and 3 tell of jamming */
	put(o, 1 | (r->jamming & 3) << 2, 1);
	put(o, 0, 1);
	put(o, 0x1ffff, 4);
	put(o, 0, 17);
	put(o, jam_indicator(r), 1);
	put(o, 0, 2);
	put(o, 0, 12);
}

static void mon_ver(struct receiver *r, s64 tai_s, struct out *o)
{
	text(o, "TGM SIM 1.00", 30);
	text(o, "00190000", 10);
	text(o, "FWVER=TIM 2.20", 30);
	text(o, "PROTVER=29.20", 30);
	text(o, "MOD=ZED-F9T", 30);
	text(o, "GPS;GLO;GAL;BDS", 30);
	text(o, "SBAS;QZSS", 30);
}

static void tim_tp(struct receiver *r, s64 tai_s, struct out *o)
{
	struct card *c = receiver_card(r);
	unsigned long flags;
	s64 error_ps;

	spin_lock_irqsave(&c->lock, flags);
	/* who adds it to the time of the pulse gets the second */
	error_ps = -1000 * c->source[SRC_GNSS].next_noise_ns;
	spin_unlock_irqrestore(&c->lock, flags);
	/* of the pulse that comes next */
	put(o, itow(tai_s + 1), 4);
	put(o, 0, 4);
	put(o, error_ps, 4);
	put(o, week(tai_s + 1), 2);
	put(o, 0x03, 1);
	put(o, 0x0f, 1);
}

static void sec_sig(struct receiver *r, s64 tai_s, struct out *o)
{
	put(o, 1, 4);
	put(o, 1 | (r->jamming & 3) << 1, 4);
	put(o, 1 | (r->spoofing & 7) << 1, 4);
}

static const struct {
	u8 class, id;
	void (*make)(struct receiver *r, s64 tai_s, struct out *o);
} messages[] = {
	{ 0x0d, 0x01, tim_tp },
	{ 0x01, 0x07, nav_pvt },
	{ 0x01, 0x03, nav_status },
	{ 0x01, 0x04, nav_dop },
	{ 0x01, 0x22, nav_clock },
	{ 0x01, 0x20, nav_timegps },
	{ 0x01, 0x21, nav_timeutc },
	{ 0x01, 0x26, nav_timels },
	{ 0x01, 0x35, nav_sat },
	{ 0x01, 0x3b, nav_svin },
	{ 0x0a, 0x04, mon_ver },
	{ 0x0a, 0x09, mon_hw },
	{ 0x0a, 0x38, mon_rf },
	{ 0x27, 0x09, sec_sig },
	/* the end of an epoch is told last */
	{ 0x01, 0x61, nav_eoe },
};

static void send(struct receiver *r, int which, s64 tai_s)
{
	struct out o;

	o.len = 0;
	messages[which].make(r, tai_s, &o);
	ubx_send(r, messages[which].class, messages[which].id, o.data, o.len);
}

/* Sends one message of the second tai_s; false: there is no such message. */
bool ubx_message(struct receiver *r, u8 class, u8 id, s64 tai_s)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].class == class && messages[i].id == id) {
			send(r, i, tai_s);
			return true;
		}
	return false;
}

/* Those that are switched on. */
void ubx_epoch(struct receiver *r, s64 tai_s)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		u32 every = config_ubx_rate(&r->config, messages[i].class, messages[i].id);

		if (every && !(r->ticks % every))
			send(r, i, tai_s);
	}
}
