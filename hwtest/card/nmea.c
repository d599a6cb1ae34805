// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMEA 0183 sentences, version 4.11, in the order that a u-blox sends them.
 */
#include <linux/time.h>
#include "card.h"

#define PLACE	"5919.75800,N,01804.11600,E"

static __printf(2, 3) void sentence(struct receiver *r, const char *form, ...)
{
	char line[96];
	u8 sum = 0;
	va_list args;
	int n, i;

	line[0] = '$';
	va_start(args, form);
	/* the sum and the line's end take five */
	n = 1 + vscnprintf(line + 1, sizeof(line) - 6, form, args);
	va_end(args);
	for (i = 1; i < n; i++)
		sum ^= line[i];
	n += scnprintf(line + n, sizeof(line) - n, "*%02X\r\n", sum);
	gnss_send(r, line, n);
}

/* Mode of a position: autonomous, by hand (fixed place), estimated, none. */
static char mode(const struct receiver *r)
{
	return r->fix == 5 ? 'M' : r->fix == 1 ? 'E' : r->fix ? 'A' : 'N';
}

static int quality(const struct receiver *r)
{
	return r->fix == 5 ? 7 : r->fix == 1 ? 6 : r->fix ? 1 : 0;
}

static void rmc(struct receiver *r, const char *hms, const struct tm *t)
{
	bool ok = r->fix >= 2;

	sentence(r, "GNRMC,%s,%c,%s,%s,,%02d%02ld%02ld,,,%c,V", hms, ok ? 'A' : 'V',
		 ok ? PLACE : ",,,", ok ? "0.003" : "", t->tm_mday, (long)t->tm_mon + 1,
		 (t->tm_year + 1900) % 100, mode(r));
}

static void vtg(struct receiver *r)
{
	if (r->fix)
		sentence(r, "GNVTG,,T,,M,0.003,N,0.006,K,%c", mode(r));
	else
		sentence(r, "GNVTG,,,,,,,,,N");
}

static void gga(struct receiver *r, const char *hms)
{
	if (r->fix)
		sentence(r, "GNGGA,%s," PLACE ",%d,12,0.64,36.8,M,24.4,M,,", hms, quality(r));
	else
		sentence(r, "GNGGA,%s,,,,,0,00,99.99,,,,,,", hms);
}

static void gsa(struct receiver *r)
{
	int dimension = r->fix >= 3 ? 3 : r->fix ? 2 : 1;

	if (!r->fix) {
		sentence(r, "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1");
		return;
	}
	sentence(r, "GNGSA,A,%d,02,06,10,14,18,22,26,,,,,,1.29,0.64,1.07,1", dimension);
	sentence(r, "GNGSA,A,%d,66,70,,,,,,,,,,,1.29,0.64,1.07,2", dimension);
	sentence(r, "GNGSA,A,%d,02,06,10,14,,,,,,,,,1.29,0.64,1.07,3", dimension);
	sentence(r, "GNGSA,A,%d,02,06,10,14,,,,,,,,,1.29,0.64,1.07,4", dimension);
}

/* Satellites in view, four in a sentence. */
static void gsv(struct receiver *r, const char *talker, int system, int first, int count)
{
	int total = max(1, DIV_ROUND_UP(count, 4)), i, n;

	for (i = 0; i < total; i++) {
		char list[64];
		int len = 0;

		list[0] = 0;
		for (n = 4 * i; n < min(count, 4 * i + 4); n++)
			len += scnprintf(list + len, sizeof(list) - len, ",%02d,%02d,%03d,%02d",
					 first + 4 * n, 15 + (n * 17) % 70, (n * 67) % 360,
					 r->jamming >= 2 ? 22 : 36 + (n * 5) % 13);
		sentence(r, "%sGSV,%d,%d,%02d%s,%d", talker, total, i + 1, count, list, system);
	}
}

static void gsv_all(struct receiver *r)
{
	bool sky = r->antenna && !r->shorted;

	gsv(r, "GP", 1, 2, sky ? 7 : 0);
	gsv(r, "GL", 1, 66, sky ? 2 : 0);
	gsv(r, "GA", 7, 2, sky ? 4 : 0);
	gsv(r, "GB", 1, 2, sky ? 4 : 0);
}

static void gll(struct receiver *r, const char *hms)
{
	bool ok = r->fix >= 2;

	sentence(r, "GNGLL,%s,%s,%c,%c", ok ? PLACE : ",,,", hms, ok ? 'A' : 'V', mode(r));
}

static void antenna(struct receiver *r)
{
	/* u-blox tells it at its start, and this one while it is not well */
	if (r->shorted)
		sentence(r, "GNTXT,01,01,02,ANTSTATUS=SHORT");
	else if (!r->antenna)
		sentence(r, "GNTXT,01,01,02,ANTSTATUS=OPEN");
}

static bool due(const struct receiver *r, u8 id)
{
	u32 every = config_nmea_rate(&r->config, id);

	return every && !(r->ticks % every);
}

void nmea_epoch(struct receiver *r, s64 tai_s)
{
	char hms[16];
	struct tm t;

	gnss_utc(r, tai_s, &t);
	snprintf(hms, sizeof(hms), "%02d%02d%02d.00", t.tm_hour, t.tm_min, t.tm_sec);
	if (due(r, 0x04))
		rmc(r, hms, &t);
	if (due(r, 0x05))
		vtg(r);
	if (due(r, 0x00))
		gga(r, hms);
	if (due(r, 0x02))
		gsa(r);
	if (due(r, 0x03))
		gsv_all(r);
	if (due(r, 0x01))
		gll(r, hms);
	if (due(r, 0x07))
		sentence(r, "GNGST,%s,19,,,,0.84,0.91,1.3", hms);
	if (due(r, 0x08))
		sentence(r, "GNZDA,%s,%02d,%02d,%04ld,00,00", hms, t.tm_mday, t.tm_mon + 1,
			 t.tm_year + 1900);
	if (due(r, 0x09))
		sentence(r, "GNGBS,%s,0.8,0.9,1.3,,,,,,", hms);
	if (config_nmea_rate(&r->config, 0x04))
		antenna(r);
}
