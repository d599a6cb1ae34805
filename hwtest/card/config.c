// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver's configuration: keys and values of the u-blox configuration
 * interface (CFG-VALSET and VALGET), and which of them switch messages on.
 */
#include "card.h"

/* A message and its CFG-MSGOUT key for the I2C port; the other ports follow it. */
static const struct {
	u8 class, id;
	u32 key;
	u8 rate;	/* from the factory, on a card like this */
} outputs[] = {
	{ 0xf0, 0x00, 0x209100ba, 1 },	/* GGA */
	{ 0xf0, 0x01, 0x209100c9, 1 },	/* GLL */
	{ 0xf0, 0x02, 0x209100bf, 1 },	/* GSA */
	{ 0xf0, 0x03, 0x209100c4, 1 },	/* GSV */
	{ 0xf0, 0x04, 0x209100ab, 1 },	/* RMC */
	{ 0xf0, 0x05, 0x209100b0, 1 },	/* VTG */
	{ 0xf0, 0x07, 0x209100d3, 0 },	/* GST */
	{ 0xf0, 0x08, 0x209100d8, 1 },	/* ZDA */
	{ 0xf0, 0x09, 0x209100dd, 0 },	/* GBS */
	{ 0x01, 0x03, 0x2091001a, 0 },	/* NAV-STATUS */
	{ 0x01, 0x04, 0x20910038, 0 },	/* NAV-DOP */
	{ 0x01, 0x07, 0x20910006, 0 },	/* NAV-PVT */
	{ 0x01, 0x20, 0x20910047, 0 },	/* NAV-TIMEGPS */
	{ 0x01, 0x21, 0x2091005b, 0 },	/* NAV-TIMEUTC */
	{ 0x01, 0x22, 0x20910065, 0 },	/* NAV-CLOCK */
	{ 0x01, 0x26, 0x20910060, 0 },	/* NAV-TIMELS */
	{ 0x01, 0x35, 0x20910015, 0 },	/* NAV-SAT */
	{ 0x01, 0x3b, 0x20910088, 0 },	/* NAV-SVIN */
	{ 0x01, 0x61, 0x2091015f, 0 },	/* NAV-EOE */
	{ 0x0a, 0x09, 0x209101b4, 0 },	/* MON-HW */
	{ 0x0a, 0x38, 0x20910359, 0 },	/* MON-RF */
	{ 0x0d, 0x01, 0x2091017d, 0 },	/* TIM-TP */
	{ 0x27, 0x09, 0x20910634, 0 },	/* SEC-SIG */
};

/* What else has a factory value here. */
static const struct {
	u32 key;
	u64 value;
} values[] = {
	{ 0x10720001, 1 },	/* I2COUTPROT-UBX */
	{ 0x10720002, 1 },	/* I2COUTPROT-NMEA */
	{ 0x20030001, 0 },	/* TMODE-MODE */
	{ 0x40030010, 0 },	/* TMODE-SVIN_MIN_DUR */
	{ 0x40030011, 0 },	/* TMODE-SVIN_ACC_LIMIT */
	{ 0x201100aa, 0 },	/* NAVSPG-INFIL_NCNOTHRS */
	{ 0x201100ab, 0 },	/* NAVSPG-INFIL_CNOTHRS */
	{ 0x20110021, 0 },	/* NAVSPG-DYNMODEL */
	{ 0x30210001, 1000 },	/* RATE-MEAS */
	{ 0x30210002, 1 },	/* RATE-NAV */
	{ 0x1031001f, 1 },	/* SIGNAL-GPS_ENA */
	{ 0x10310020, 0 },	/* SIGNAL-SBAS_ENA */
	{ 0x10310021, 1 },	/* SIGNAL-GAL_ENA */
	{ 0x10310022, 1 },	/* SIGNAL-BDS_ENA */
	{ 0x10310025, 1 },	/* SIGNAL-GLO_ENA */
	{ 0x10a3002e, 1 },	/* HW-ANT_CFG_VOLTCTRL */
	{ 0x10a3002f, 1 },	/* HW-ANT_CFG_SHORTDET */
	{ 0x10a30031, 1 },	/* HW-ANT_CFG_OPENDET */
};

/* Octets of a key's value, which its bits 30 to 28 tell; 0: no such key. */
int config_size(u32 key)
{
	switch ((key >> 28) & 7) {
	case 1:
	case 2:
		return 1;
	case 3:
		return 2;
	case 4:
		return 4;
	case 5:
		return 8;
	default:
		return 0;
	}
}

bool config_get(const struct config *cfg, u32 key, u64 *value)
{
	int i;

	for (i = 0; i < cfg->count; i++)
		if (cfg->item[i].key == key) {
			*value = cfg->item[i].value;
			return true;
		}
	return false;
}

int config_set(struct config *cfg, u32 key, u64 value)
{
	int i;

	if (!config_size(key))
		return -EINVAL;
	if (((key >> 28) & 7) == 1 && value > 1)
		return -ERANGE;
	for (i = 0; i < cfg->count; i++)
		if (cfg->item[i].key == key)
			break;
	if (i == KEYS_MAX)
		return -ENOSPC;
	cfg->item[i].key = key;
	cfg->item[i].value = value;
	if (i == cfg->count)
		cfg->count++;
	return 0;
}

/* Back to the factory's value, or away if there is none. */
void config_delete(struct config *cfg, u32 key)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].key == key) {
			config_set(cfg, key, values[i].value);
			return;
		}
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		if (outputs[i].key == key) {
			config_set(cfg, key, outputs[i].rate);
			return;
		}
	for (i = 0; i < cfg->count; i++)
		if (cfg->item[i].key == key) {
			cfg->item[i] = cfg->item[--cfg->count];
			return;
		}
}

void config_default(struct config *cfg)
{
	int i;

	cfg->count = 0;
	for (i = 0; i < ARRAY_SIZE(values); i++)
		config_set(cfg, values[i].key, values[i].value);
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		config_set(cfg, outputs[i].key, outputs[i].rate);
}

/* The key that switches a message on the I2C port; 0: not one of ours. */
u32 config_msg_key(u8 class, u8 id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		if (outputs[i].class == class && outputs[i].id == id)
			return outputs[i].key;
	return 0;
}

/* Every how many epochs a message comes; 0: never. */
static u32 rate(const struct config *cfg, u32 protocol, u8 class, u8 id)
{
	u64 on = 1, n = 0;

	config_get(cfg, protocol, &on);
	config_get(cfg, config_msg_key(class, id), &n);
	return on ? n : 0;
}

u32 config_ubx_rate(const struct config *cfg, u8 class, u8 id)
{
	return rate(cfg, 0x10720001, class, id);
}

u32 config_nmea_rate(const struct config *cfg, u8 id)
{
	return rate(cfg, 0x10720002, 0xf0, id);
}
