// SPDX-License-Identifier: GPL-2.0-only
/*
 * UBX frames: B5 62, class, id, length (little-endian), payload, and the
 * 8-bit Fletcher sum over all but the first two octets. What comes in is
 * either a poll, which ubxpoll.c answers, or configuration.
 */
#include <linux/unaligned.h>
#include "card.h"

#define CFG		0x06
#define HEAD		6

static void checksum(const u8 *data, int len, u8 *sum)
{
	sum[0] = sum[1] = 0;
	while (len--) {
		sum[0] += *data++;
		sum[1] += sum[0];
	}
}

void ubx_send(struct receiver *r, u8 class, u8 id, const void *payload, u16 len)
{
	u8 frame[HEAD + 512 + 2];

	if (len > 512)
		return;
	frame[0] = 0xb5;
	frame[1] = 0x62;
	frame[2] = class;
	frame[3] = id;
	put_unaligned_le16(len, frame + 4);
	memcpy(frame + HEAD, payload, len);
	checksum(frame + 2, len + 4, frame + HEAD + len);
	gnss_send(r, frame, HEAD + len + 2);
}

static void acknowledge(struct receiver *r, bool good, u8 class, u8 id)
{
	u8 what[2] = { class, id };

	ubx_send(r, 0x05, good ? 1 : 0, what, sizeof(what));
}

static u64 get_value(const u8 *p, int size)
{
	u64 v = 0;

	while (size--)
		v = v << 8 | p[size];
	return v;
}

static void put_value(u8 *p, u64 v, int size)
{
	while (size--) {
		*p++ = v;
		v >>= 8;
	}
}

/* All or nothing: u-blox takes no part of a CFG-VALSET. */
static bool valset(struct receiver *r, const u8 *p, int len)
{
	int at, size, pass;

	if (len < 4 || p[0] > 1)
		return false;
	for (pass = 0; pass < 2; pass++)
		for (at = 4; at < len; at += 4 + size) {
			u32 key;
			u64 value;

			if (at + 4 > len)
				return false;
			key = get_unaligned_le32(p + at);
			size = config_size(key);
			if (!size || at + 4 + size > len)
				return false;
			value = get_value(p + at + 4, size);
			if (((key >> 28) & 7) == 1 && value > 1)
				return false;
			if (pass && config_set(&r->config, key, value))
				return false;
		}
	return true;
}

static bool valdel(struct receiver *r, const u8 *p, int len)
{
	int at;

	if (len < 4 || (len & 3))
		return false;
	for (at = 4; at < len; at += 4)
		config_delete(&r->config, get_unaligned_le32(p + at));
	return true;
}

static bool valget(struct receiver *r, const u8 *p, int len)
{
	const struct config *cfg = &r->config;
	int at, i, size, out = 4;
	u8 reply[512] = { 1 };

	if (len < 8 || (len & 3) || p[0])
		return false;
	reply[1] = p[1];
	for (at = 4; at < len; at += 4) {
		u32 key = get_unaligned_le32(p + at);
		/* item 0xffff: the whole group */
		bool group = (key & 0xffff) == 0xffff, found = false;

		for (i = 0; i < cfg->count; i++) {
			u32 have = cfg->item[i].key;

			if (group ? (have >> 16 & 0xff) != (key >> 16 & 0xff) : have != key)
				continue;
			size = config_size(have);
			if (out + 4 + size > sizeof(reply))
				break;
			put_unaligned_le32(have, reply + out);
			put_value(reply + out + 4, cfg->item[i].value, size);
			out += 4 + size;
			found = true;
		}
		if (!found)
			return false;
	}
	ubx_send(r, CFG, 0x8b, reply, out);
	return true;
}

/* CFG-MSG: rate on this port, or on six ports of which I2C is the first. */
static bool cfg_msg(struct receiver *r, const u8 *p, int len)
{
	u32 key = len >= 2 ? config_msg_key(p[0], p[1]) : 0;
	u64 rate = 0;

	if (!key)
		return false;
	if (len == 2) {
		u8 reply[8] = { p[0], p[1] };

		config_get(&r->config, key, &rate);
		reply[2] = rate;
		ubx_send(r, CFG, 0x01, reply, sizeof(reply));
		return true;
	}
	if (len != 3 && len != 8)
		return false;
	return !config_set(&r->config, key, p[2]);
}

/* CFG-TMODE2 and CFG-TMODE3 say with other words what the keys do. */
static bool time_mode(struct receiver *r, u8 mode, u32 duration, u32 limit_mm10)
{
	if (mode > 2)
		return false;
	if (mode == 1) {
		/* a survey that is asked for begins anew */
		r->survey_valid = false;
		r->survey_s = 0;
	}
	return !config_set(&r->config, 0x20030001, mode) &&
	       !config_set(&r->config, 0x40030010, duration) &&
	       !config_set(&r->config, 0x40030011, limit_mm10);
}

static bool cfg_rate(struct receiver *r, const u8 *p, int len)
{
	u64 measure = 1000, nav = 1;
	u8 reply[6] = {};

	if (len == 6)
		return !config_set(&r->config, 0x30210001, get_unaligned_le16(p)) &&
		       !config_set(&r->config, 0x30210002, get_unaligned_le16(p + 2));
	config_get(&r->config, 0x30210001, &measure);
	config_get(&r->config, 0x30210002, &nav);
	put_unaligned_le16(measure, reply);
	put_unaligned_le16(nav, reply + 2);
	reply[4] = 1;
	ubx_send(r, CFG, 0x08, reply, sizeof(reply));
	return true;
}

static bool configure(struct receiver *r, u8 id, const u8 *p, int len)
{
	switch (id) {
	case 0x01:
		return cfg_msg(r, p, len);
	case 0x08:
		return (!len || len == 6) && cfg_rate(r, p, len);
	case 0x3d:
		return len == 28 && time_mode(r, p[0], get_unaligned_le32(p + 20),
					      get_unaligned_le32(p + 24) * 10);
	case 0x71:
		return len == 40 && time_mode(r, p[2], get_unaligned_le32(p + 24),
					      get_unaligned_le32(p + 28));
	case 0x8a:
		return valset(r, p, len);
	case 0x8b:
		return valget(r, p, len);
	case 0x8c:
		return valdel(r, p, len);
	case 0x09:	/* CFG-CFG: the non-volatile copy is the same as this one */
	case 0x13:	/* CFG-ANT */
	case 0x24:	/* CFG-NAV5 */
	case 0x31:	/* CFG-TP5 */
	case 0x3e:	/* CFG-GNSS */
		return len > 0;
	default:
		return false;
	}
}

static void frame(struct receiver *r, const u8 *f, int len)
{
	struct card *c = receiver_card(r);
	u8 class = f[2], id = f[3];

	r->frames++;
	if (class != CFG) {
		/* u-blox leaves an unknown poll without an answer */
		if (!len)
			ubx_message(r, class, id, r->epoch_tai_s - 1);
		return;
	}
	if (id == 0x04) {
		/* CFG-RST is not acknowledged: the receiver is gone */
		if (len == 4)
			gnss_search(c);
		return;
	}
	acknowledge(r, configure(r, id, f + HEAD, len), class, id);
}

/* Octets come in any portions; what is no frame is left out. */
void ubx_input(struct receiver *r, const u8 *data, size_t count)
{
	while (count--) {
		int n = r->in_len, len;
		u8 sum[2];

		r->in[n++] = *data++;
		r->in_len = n;
		if ((n == 1 && r->in[0] != 0xb5) || (n == 2 && r->in[1] != 0x62)) {
			/* the second octet may be the first of a frame */
			r->in_len = n == 2 && r->in[1] == 0xb5;
			r->in[0] = 0xb5;
			continue;
		}
		if (n < HEAD)
			continue;
		len = get_unaligned_le16(r->in + 4);
		if (len + HEAD + 2 > sizeof(r->in)) {
			r->in_len = 0;
			continue;
		}
		if (n < len + HEAD + 2)
			continue;
		checksum(r->in + 2, len + 4, sum);
		if (!memcmp(sum, r->in + HEAD + len, 2))
			frame(r, r->in, len);
		r->in_len = 0;
	}
}
