// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins and DPLLs as the kernel's dpll subsystem sees them: labels, types,
 * frequencies and priorities of an E810-XXVDA4T, and the callbacks.
 */
#include <linux/module.h>
#include "card.h"

#define INPUT_CAPS	(DPLL_PIN_CAPABILITIES_PRIORITY_CAN_CHANGE | \
			 DPLL_PIN_CAPABILITIES_STATE_CAN_CHANGE)
#define OUTPUT_CAPS	DPLL_PIN_CAPABILITIES_STATE_CAN_CHANGE
#define ADJUST_IN_PS	2147466925
#define ADJUST_OUT_PS	2147003341
#define ESYNC_PERCENT	25

static struct dpll_pin_frequency pulse_or_10mhz[] = {
	DPLL_PIN_FREQUENCY_1PPS, DPLL_PIN_FREQUENCY_10MHZ,
};
static const struct dpll_pin_frequency esync_range[] = {
	DPLL_PIN_FREQUENCY_RANGE(0, DPLL_PIN_FREQUENCY_1_HZ),
};

static const struct {
	const char *label;
	enum dpll_pin_type type;
	u8 frequencies;		/* so many of pulse_or_10mhz */
	u32 hz;
	u8 priority[DPLLS];	/* inputs */
	enum dpll_kind from;	/* outputs: which DPLL drives it */
	unsigned long caps;
} table[PINS] = {
	[IN_SDP22] = { "CVL-SDP22", DPLL_PIN_TYPE_INT_OSCILLATOR, 2, 1, { 8, 8 }, 0, INPUT_CAPS },
	[IN_SDP20] = { "CVL-SDP20", DPLL_PIN_TYPE_INT_OSCILLATOR, 2, 1, { 9, 3 }, 0, INPUT_CAPS },
	[IN_RCLKA] = { "C827_0-RCLKA", DPLL_PIN_TYPE_MUX, 0, 1953125, { 4, 4 }, 0, INPUT_CAPS },
	[IN_RCLKB] = { "C827_0-RCLKB", DPLL_PIN_TYPE_MUX, 0, 1953125, { 5, 5 }, 0, INPUT_CAPS },
	[IN_SMA1] = { "SMA1", DPLL_PIN_TYPE_EXT, 2, 1, { 1, 1 }, 0, INPUT_CAPS },
	[IN_SMA2] = { "SMA2/U.FL2", DPLL_PIN_TYPE_EXT, 2, 1, { 2, 2 }, 0, INPUT_CAPS },
	[IN_GNSS] = { "GNSS-1PPS", DPLL_PIN_TYPE_GNSS, 1, 1, { 0, 0 }, 0, INPUT_CAPS },
	[OUT_SMA1] = { "REF-SMA1", DPLL_PIN_TYPE_EXT, 2, 1, {}, PPS, OUTPUT_CAPS },
	[OUT_SMA2] = { "REF-SMA2/U.FL2", DPLL_PIN_TYPE_EXT, 2, 1, {}, PPS, OUTPUT_CAPS },
	[OUT_PHY] = { "PHY-CLK", DPLL_PIN_TYPE_SYNCE_ETH_PORT, 0, 156250000, {}, EEC, 0 },
	[OUT_MAC] = { "MAC-CLK", DPLL_PIN_TYPE_SYNCE_ETH_PORT, 0, 156250000, {}, EEC, 0 },
	[OUT_SDP21] = { "CVL-SDP21", DPLL_PIN_TYPE_EXT, 1, 1, {}, PPS, OUTPUT_CAPS },
	[OUT_SDP23] = { "CVL-SDP23", DPLL_PIN_TYPE_EXT, 1, 1, {}, PPS, OUTPUT_CAPS },
};

const char *pin_label(enum pin_kind kind)
{
	return table[kind].label;
}

/* The pins that are pairs for reference-sync, as on an E810. */
int pin_partner(enum pin_kind kind)
{
	switch (kind) {
	case IN_SDP20:
		return IN_SMA1;
	case IN_SMA1:
		return IN_SDP20;
	case IN_SDP22:
		return IN_SMA2;
	case IN_SMA2:
		return IN_SDP22;
	default:
		return -1;
	}
}

int pin_by_label(const char *label)
{
	int i;

	for (i = 0; i < PINS; i++)
		if (!strcmp(table[i].label, label))
			return i;
	return -1;
}

/* ---- devices; everything is what the last poll found */

static int device_mode_get(const struct dpll_device *dev, void *priv, enum dpll_mode *mode,
			   struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	*mode = d->mode;
	return 0;
}

static int device_lock_status_get(const struct dpll_device *dev, void *priv,
				  enum dpll_lock_status *status,
				  enum dpll_lock_status_error *error, struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	*status = READ_ONCE(d->seen_status);
	if (d->status_error)
		*error = d->status_error;
	return 0;
}

static int device_temp_get(const struct dpll_device *dev, void *priv, s32 *temp,
			   struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	*temp = d->temperature;
	return 0;
}

#ifdef KERNEL_HAS_CLOCK_QUALITY
static int device_quality_get(const struct dpll_device *dev, void *priv, unsigned long *levels,
			      struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	__set_bit(d->quality, levels);
	return 0;
}
#endif

#ifdef KERNEL_HAS_MODE_SET
static int device_modes_get(const struct dpll_device *dev, void *priv, unsigned long *modes,
			    struct netlink_ext_ack *ack)
{
	__set_bit(DPLL_MODE_AUTOMATIC, modes);
	__set_bit(DPLL_MODE_MANUAL, modes);
	return 0;
}

static int device_mode_set(const struct dpll_device *dev, void *priv, enum dpll_mode mode,
			   struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;
	unsigned long flags;

	spin_lock_irqsave(&d->card->lock, flags);
	if (mode == DPLL_MODE_MANUAL && d->mode != mode)
		d->manual = d->reference;
	d->mode = mode;
	dpll_judge(d->card, now_raw());
	spin_unlock_irqrestore(&d->card->lock, flags);
	return 0;
}
#endif

#ifdef KERNEL_HAS_PHASE_MONITOR
static int device_phase_monitor_set(const struct dpll_device *dev, void *priv,
				    enum dpll_feature_state state, struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	d->phase_monitor = state == DPLL_FEATURE_STATE_ENABLE;
	poll_device_set(d->card, d->kind);
	return 0;
}

static int device_phase_monitor_get(const struct dpll_device *dev, void *priv,
				    enum dpll_feature_state *state, struct netlink_ext_ack *ack)
{
	*state = ((struct dpll *)priv)->phase_monitor ? DPLL_FEATURE_STATE_ENABLE :
		 DPLL_FEATURE_STATE_DISABLE;
	return 0;
}
#endif

#ifdef KERNEL_HAS_PHASE_AVERAGE
static int device_average_set(const struct dpll_device *dev, void *priv, u32 factor,
			      struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	if (factor > 15) {
		NL_SET_ERR_MSG(ack, "averaging factor: 0 to 15");
		return -EINVAL;
	}
	d->average = factor;
	poll_device_set(d->card, d->kind);
	return 0;
}

static int device_average_get(const struct dpll_device *dev, void *priv, u32 *factor,
			      struct netlink_ext_ack *ack)
{
	*factor = ((struct dpll *)priv)->average;
	return 0;
}
#endif

#ifdef KERNEL_HAS_FREQUENCY_MONITOR
static int device_freq_monitor_set(const struct dpll_device *dev, void *priv,
				   enum dpll_feature_state state, struct netlink_ext_ack *ack)
{
	struct dpll *d = priv;

	d->freq_monitor = state == DPLL_FEATURE_STATE_ENABLE;
	poll_device_set(d->card, d->kind);
	return 0;
}

static int device_freq_monitor_get(const struct dpll_device *dev, void *priv,
				   enum dpll_feature_state *state, struct netlink_ext_ack *ack)
{
	*state = ((struct dpll *)priv)->freq_monitor ? DPLL_FEATURE_STATE_ENABLE :
		 DPLL_FEATURE_STATE_DISABLE;
	return 0;
}
#endif

/* ---- pins */

#define ON_DPLL	const struct dpll_pin *handle, void *ppriv, \
		const struct dpll_device *dev, void *dpriv

static int pin_frequency_get(ON_DPLL, u64 *hz, struct netlink_ext_ack *ack)
{
	*hz = ((struct pin *)ppriv)->frequency;
	return 0;
}

/* The core has compared it with what the pin can. */
static int pin_frequency_set(ON_DPLL, const u64 hz, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	unsigned long flags;

	spin_lock_irqsave(&p->card->lock, flags);
	p->frequency = hz;
	/* a pulse within a pulse there is not */
	if (hz == DPLL_PIN_FREQUENCY_1_HZ)
		p->esync = 0;
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

static int pin_direction_get(ON_DPLL, enum dpll_pin_direction *dir, struct netlink_ext_ack *ack)
{
	*dir = ((struct pin *)ppriv)->direction;
	return 0;
}

static int pin_direction_set(ON_DPLL, const enum dpll_pin_direction dir,
			     struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	unsigned long flags;

	spin_lock_irqsave(&p->card->lock, flags);
	p->direction = dir;
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

static int pin_state_get(ON_DPLL, enum dpll_pin_state *state, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	struct dpll *d = dpriv;

	if (p->kind >= INPUTS)
		*state = p->enabled[d->kind] ? DPLL_PIN_STATE_CONNECTED :
			 DPLL_PIN_STATE_DISCONNECTED;
	else if (d->mode == DPLL_MODE_MANUAL)
		/* the choice, whether or not it can be followed */
		*state = READ_ONCE(d->manual) == p->kind ? DPLL_PIN_STATE_CONNECTED :
			 DPLL_PIN_STATE_DISCONNECTED;
	else if (!p->enabled[d->kind])
		*state = DPLL_PIN_STATE_DISCONNECTED;
	else
		*state = READ_ONCE(d->seen_active) == p->kind ? DPLL_PIN_STATE_CONNECTED :
			 DPLL_PIN_STATE_SELECTABLE;
	return 0;
}

static int pin_state_set(ON_DPLL, const enum dpll_pin_state state, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	struct dpll *d = dpriv;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&p->card->lock, flags);
	if (p->kind < INPUTS && d->mode == DPLL_MODE_MANUAL) {
		if (state == DPLL_PIN_STATE_CONNECTED)
			d->manual = p->kind;
		else if (state != DPLL_PIN_STATE_DISCONNECTED)
			err = -EINVAL;
		else if (d->manual == p->kind)
			d->manual = -1;
	} else if (state == DPLL_PIN_STATE_DISCONNECTED) {
		p->enabled[d->kind] = false;
	} else if (p->kind >= INPUTS) {
		if (state != DPLL_PIN_STATE_CONNECTED || table[p->kind].from != d->kind)
			err = -EINVAL;
		else
			p->enabled[d->kind] = true;
	} else if (state == DPLL_PIN_STATE_SELECTABLE) {
		p->enabled[d->kind] = true;
	} else {
		err = -EINVAL;
	}
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	if (err)
		NL_SET_ERR_MSG(ack, "the pin cannot have this state on this dpll");
	return err;
}

static int pin_priority_get(ON_DPLL, u32 *priority, struct netlink_ext_ack *ack)
{
	*priority = ((struct pin *)ppriv)->priority[((struct dpll *)dpriv)->kind];
	return 0;
}

static int pin_priority_set(ON_DPLL, const u32 priority, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	unsigned long flags;

	if (priority > 255) {
		NL_SET_ERR_MSG(ack, "priority: 0 to 255");
		return -EINVAL;
	}
	spin_lock_irqsave(&p->card->lock, flags);
	p->priority[((struct dpll *)dpriv)->kind] = priority;
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

static int pin_phase_offset_get(ON_DPLL, s64 *fs, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	struct dpll *d = dpriv;
	unsigned long flags;
	u64 raw = now_raw();

	spin_lock_irqsave(&p->card->lock, flags);
	if (d->seen_active == p->kind)
		*fs = d->seen_phase_fs;
	else if (d->phase_monitor && pin_has_signal(p->card, p->kind, raw))
		*fs = pin_phase_fs(p->card, p->kind, raw) - dpll_phase_fs(d, raw);
	else
		*fs = 0;
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

static int pin_adjust_get(ON_DPLL, s32 *ps, struct netlink_ext_ack *ack)
{
	*ps = ((struct pin *)ppriv)->adjust_ps;
	return 0;
}

static int pin_adjust_set(ON_DPLL, const s32 ps, struct netlink_ext_ack *ack)
{
	WRITE_ONCE(((struct pin *)ppriv)->adjust_ps, ps);
	return 0;
}

static int pin_esync_get(ON_DPLL, struct dpll_pin_esync *esync, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;

	if (p->frequency != DPLL_PIN_FREQUENCY_10_MHZ)
		return -EOPNOTSUPP;
	esync->range = esync_range;
	esync->range_num = ARRAY_SIZE(esync_range);
	esync->freq = p->esync;
	esync->pulse = p->esync ? ESYNC_PERCENT : 0;
	return 0;
}

static int pin_esync_set(ON_DPLL, u64 hz, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	unsigned long flags;

	if (p->frequency != DPLL_PIN_FREQUENCY_10_MHZ) {
		NL_SET_ERR_MSG(ack, "embedded sync needs 10 MHz");
		return -EOPNOTSUPP;
	}
	spin_lock_irqsave(&p->card->lock, flags);
	p->esync = hz;
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

#ifdef KERNEL_HAS_FFO_PARAM
static int pin_ffo_get(ON_DPLL, struct dpll_ffo_param *ffo, struct netlink_ext_ack *ack)
{
	ffo->ffo = ((struct pin *)ppriv)->ffo_ppt;
	return 0;
}
#else
static int pin_ffo_get(ON_DPLL, s64 *ffo, struct netlink_ext_ack *ack)
{
	/* in ppm here */
	*ffo = div_s64(((struct pin *)ppriv)->ffo_ppt, 1000000);
	return 0;
}
#endif

#ifdef KERNEL_HAS_MEASURED_FREQUENCY
static int pin_measured_get(ON_DPLL, u64 *mhz, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;

	/* an error would be the answer to a dump of all pins */
	*mhz = 0;
	if (!pin_has_signal(p->card, p->kind, now_raw()))
		return 0;
	*mhz = p->frequency * 1000 + div_s64((s64)p->frequency * p->ffo_ppt, 1000000000);
	return 0;
}
#endif

#ifdef KERNEL_HAS_OPERSTATE
static int pin_operstate_get(ON_DPLL, enum dpll_pin_operstate *state, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	struct dpll *d = dpriv;
	unsigned long flags;

	spin_lock_irqsave(&p->card->lock, flags);
	if (d->seen_active == p->kind)
		*state = DPLL_PIN_OPERSTATE_ACTIVE;
	else if (pin_has_signal(p->card, p->kind, now_raw()))
		*state = DPLL_PIN_OPERSTATE_STANDBY;
	else
		*state = DPLL_PIN_OPERSTATE_NO_SIGNAL;
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}
#endif

#ifdef KERNEL_HAS_REFERENCE_SYNC
static int pin_pair_set(const struct dpll_pin *handle, void *ppriv, const struct dpll_pin *other,
			void *opriv, const enum dpll_pin_state state, struct netlink_ext_ack *ack)
{
	struct pin *p = ppriv;
	unsigned long flags;

	spin_lock_irqsave(&p->card->lock, flags);
	p->paired = state;
	dpll_judge(p->card, now_raw());
	spin_unlock_irqrestore(&p->card->lock, flags);
	return 0;
}

static int pin_pair_get(const struct dpll_pin *handle, void *ppriv, const struct dpll_pin *other,
			void *opriv, enum dpll_pin_state *state, struct netlink_ext_ack *ack)
{
	*state = ((struct pin *)ppriv)->paired;
	return 0;
}
#endif

/* ---- recovered clocks of the ports, children of the two multiplexers */

static int clock_state_get(const struct dpll_pin *handle, void *priv,
			   const struct dpll_pin *parent, void *parent_priv,
			   enum dpll_pin_state *state, struct netlink_ext_ack *ack)
{
	struct port *port = priv;
	struct pin *mux = parent_priv;

	*state = port->recovered[mux->kind - IN_RCLKA] ? DPLL_PIN_STATE_CONNECTED :
		 DPLL_PIN_STATE_DISCONNECTED;
	return 0;
}

static int clock_state_set(const struct dpll_pin *handle, void *priv,
			   const struct dpll_pin *parent, void *parent_priv,
			   const enum dpll_pin_state state, struct netlink_ext_ack *ack)
{
	struct port *port = priv;
	struct pin *mux = parent_priv;
	int which = mux->kind - IN_RCLKA, i;
	unsigned long flags;

	if (state == DPLL_PIN_STATE_SELECTABLE)
		return -EINVAL;
	spin_lock_irqsave(&port->card->lock, flags);
	/* a multiplexer lets one through */
	for (i = 0; i < PORTS && state == DPLL_PIN_STATE_CONNECTED; i++)
		port->card->port[i].recovered[which] = false;
	port->recovered[which] = state == DPLL_PIN_STATE_CONNECTED;
	dpll_judge(port->card, now_raw());
	spin_unlock_irqrestore(&port->card->lock, flags);
	return 0;
}

static int clock_direction_get(ON_DPLL, enum dpll_pin_direction *dir, struct netlink_ext_ack *ack)
{
	*dir = DPLL_PIN_DIRECTION_INPUT;
	return 0;
}

static const struct dpll_pin_ops clock_ops = {
	.state_on_pin_get = clock_state_get,
	.state_on_pin_set = clock_state_set,
	.direction_get = clock_direction_get,
};

/* ---- what is offered: one set of operations for each card */

static void offer(struct card *c)
{
	struct dpll_device_ops *dev = &c->device_ops;
	struct dpll_pin_ops *in = &c->input_ops, *out = &c->output_ops;

	*dev = (struct dpll_device_ops) {
		.mode_get = device_mode_get,
		.lock_status_get = device_lock_status_get,
	};
	*in = (struct dpll_pin_ops) {
		.frequency_get = pin_frequency_get,
		.frequency_set = pin_frequency_set,
		.state_on_dpll_get = pin_state_get,
		.state_on_dpll_set = pin_state_set,
		.prio_get = pin_priority_get,
		.prio_set = pin_priority_set,
		.direction_get = pin_direction_get,
		.phase_adjust_get = pin_adjust_get,
		.phase_adjust_set = pin_adjust_set,
		.phase_offset_get = pin_phase_offset_get,
		.esync_get = pin_esync_get,
		.esync_set = pin_esync_set,
#ifdef KERNEL_HAS_REFERENCE_SYNC
		.ref_sync_get = pin_pair_get,
		.ref_sync_set = pin_pair_set,
#endif
	};
	*out = *in;
	out->prio_get = NULL;
	out->prio_set = NULL;
	out->phase_offset_get = NULL;
#ifdef KERNEL_HAS_REFERENCE_SYNC
	out->ref_sync_get = NULL;
	out->ref_sync_set = NULL;
#endif
#ifdef KERNEL_HAS_PHASE_MONITOR
	dev->phase_offset_monitor_set = device_phase_monitor_set;
	dev->phase_offset_monitor_get = device_phase_monitor_get;
#endif
	if (c->dpll_extras) {
		dev->temp_get = device_temp_get;
#ifdef KERNEL_HAS_CLOCK_QUALITY
		dev->clock_quality_level_get = device_quality_get;
#endif
#ifdef KERNEL_HAS_MODE_SET
		dev->mode_set = device_mode_set;
		dev->supported_modes_get = device_modes_get;
#endif
#ifdef KERNEL_HAS_PHASE_AVERAGE
		dev->phase_offset_avg_factor_set = device_average_set;
		dev->phase_offset_avg_factor_get = device_average_get;
#endif
#ifdef KERNEL_HAS_FREQUENCY_MONITOR
		dev->freq_monitor_set = device_freq_monitor_set;
		dev->freq_monitor_get = device_freq_monitor_get;
#endif
		in->ffo_get = pin_ffo_get;
#ifdef KERNEL_HAS_FFO_PARAM
		in->supported_ffo = BIT(DPLL_FFO_PIN_DEVICE) | BIT(DPLL_FFO_PORT_RXTX_RATE);
#endif
#ifdef KERNEL_HAS_MEASURED_FREQUENCY
		in->measured_freq_get = pin_measured_get;
#endif
#ifdef KERNEL_HAS_OPERSTATE
		in->operstate_on_dpll_get = pin_operstate_get;
#endif
		in->direction_set = pin_direction_set;
	}
	/* messages that lack something: control `ntf without` */
	if (c->without_phase)
		in->phase_offset_get = NULL;
	if (c->without_priority)
		in->prio_get = NULL;
	if (c->without_frequency)
		in->frequency_get = out->frequency_get = NULL;
}

void pins_init(struct card *c)
{
	int i, k;

	for (i = 0; i < PINS; i++) {
		struct pin *p = &c->pin[i];
		bool in = i < INPUTS;

		p->card = c;
		p->kind = i;
		p->frequency = table[i].hz;
		p->direction = in ? DPLL_PIN_DIRECTION_INPUT : DPLL_PIN_DIRECTION_OUTPUT;
		p->paired = DPLL_PIN_STATE_DISCONNECTED;
		for (k = 0; k < DPLLS; k++) {
			p->priority[k] = table[i].priority[k];
			p->enabled[k] = in || table[i].from == k;
		}
		p->properties = (struct dpll_pin_properties) {
			.board_label = table[i].label,
			.type = table[i].type,
			.capabilities = table[i].caps,
			.freq_supported = table[i].frequencies ? pulse_or_10mhz : NULL,
			.freq_supported_num = table[i].frequencies,
			.phase_range.min = in ? -ADJUST_IN_PS : -ADJUST_OUT_PS,
			.phase_range.max = in ? ADJUST_IN_PS : ADJUST_OUT_PS,
#ifdef KERNEL_HAS_PHASE_GRANULARITY
			.phase_gran = card_extras,
#endif
		};
		if (card_extras && (i == IN_SMA1 || i == IN_SMA2))
			p->properties.capabilities |= DPLL_PIN_CAPABILITIES_DIRECTION_CAN_CHANGE;
	}
}

/* The dpll core hands out ids for a (clock id, index): a reload has others. */
static u32 device_index(struct card *c, int kind)
{
	return (c->generation & 1) * DPLLS + kind;
}

#ifdef KERNEL_HAS_DPLL_TRACKER
#define get_device(c, i, d)	dpll_device_get((c)->clock_id, i, THIS_MODULE, &(d)->tracker)
#define put_former(d)		dpll_device_put((d)->former, &(d)->former_tracker)
#define get_pin(c, i, prop, o)	dpll_pin_get((c)->clock_id, i, THIS_MODULE, prop, &(o)->tracker)
#define put_pin(h, o)		dpll_pin_put(h, &(o)->tracker)
#else
#define get_device(c, i, d)	dpll_device_get((c)->clock_id, i, THIS_MODULE)
#define put_former(d)		dpll_device_put((d)->former)
#define get_pin(c, i, prop, o)	dpll_pin_get((c)->clock_id, i, THIS_MODULE, prop)
#define put_pin(h, o)		dpll_pin_put(h)
#endif

static int device_up(struct card *c, int kind)
{
	struct dpll *d = &c->dpll[kind];
	struct dpll_device *dev;
	int err;

	dev = get_device(c, device_index(c, kind), d);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	d->device = dev;
	err = dpll_device_register(dev, kind == EEC ? DPLL_TYPE_EEC : DPLL_TYPE_PPS,
				   &c->device_ops, d);
	d->registered = !err;
	return err;
}

static int pin_up(struct card *c, int kind)
{
	const struct dpll_pin_ops *ops = kind < INPUTS ? &c->input_ops : &c->output_ops;
	struct pin *p = &c->pin[kind];
	int k, err;

	for (k = 0; k < DPLLS; k++) {
		err = dpll_pin_register(c->dpll[k].device, p->handle, ops, p);
		if (err)
			return err;
		p->registered++;
	}
	return 0;
}

static int clock_up(struct card *c, int index)
{
	static struct dpll_pin_properties properties = {
		.type = DPLL_PIN_TYPE_SYNCE_ETH_PORT,
		.capabilities = DPLL_PIN_CAPABILITIES_STATE_CAN_CHANGE,
	};
	struct port *port = &c->port[index];
	struct dpll_pin *handle;
	int k, err;

	handle = get_pin(c, PINS + index, &properties, port);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	port->clock = handle;
	for (k = 0; k < 2; k++) {
		err = dpll_pin_on_pin_register(c->pin[IN_RCLKA + k].handle, handle,
					       &clock_ops, port);
		if (err)
			return err;
		port->clock_parents++;
	}
	net_clock(c, index, true);
	return 0;
}

int pins_start(struct card *c)
{
	unsigned long flags;
	int i, err = 0;

	c->generation++;
	offer(c);
	spin_lock_irqsave(&c->lock, flags);
	for (i = 0; i < DPLLS; i++)
		c->dpll[i].seen_status = c->dpll[i].status;
	spin_unlock_irqrestore(&c->lock, flags);
	for (i = 0; i < DPLLS && !err; i++)
		err = device_up(c, i);
	pins_exit(c);
	for (i = 0; i < PINS && !err; i++) {
		struct dpll_pin *handle = get_pin(c, i, &c->pin[i].properties, &c->pin[i]);

		if (IS_ERR(handle))
			err = PTR_ERR(handle);
		else
			c->pin[i].handle = handle;
	}
#ifdef KERNEL_HAS_REFERENCE_SYNC
	/* pairs must be known before the pins are registered */
	if (!err)
		err = dpll_pin_ref_sync_pair_add(c->pin[IN_SDP20].handle,
						 c->pin[pin_partner(IN_SDP20)].handle);
	if (!err)
		err = dpll_pin_ref_sync_pair_add(c->pin[IN_SDP22].handle,
						 c->pin[pin_partner(IN_SDP22)].handle);
#endif
	for (i = 0; i < PINS && !err; i++)
		err = pin_up(c, i);
	for (i = 0; i < PORTS && !err; i++)
		err = clock_up(c, i);
	if (err)
		pr_err("card%d: dpll: %d\n", c->index, err);
	return err;
}

void pins_stop(struct card *c)
{
	int i, k;

	for (i = 0; i < PORTS; i++) {
		struct port *port = &c->port[i];

		if (!port->clock)
			continue;
		net_clock(c, i, false);
		for (k = 0; k < port->clock_parents; k++)
			dpll_pin_on_pin_unregister(c->pin[IN_RCLKA + k].handle, port->clock,
						   &clock_ops, port);
		put_pin(port->clock, port);
		port->clock = NULL;
		port->clock_parents = 0;
	}
	for (i = 0; i < PINS; i++) {
		const struct dpll_pin_ops *ops = i < INPUTS ? &c->input_ops : &c->output_ops;
		struct pin *p = &c->pin[i];

		if (!p->handle)
			continue;
		for (k = 0; k < p->registered; k++)
			dpll_pin_unregister(c->dpll[k].device, p->handle, ops, p);
		put_pin(p->handle, p);
		p->handle = NULL;
		p->registered = 0;
	}
	for (i = 0; i < DPLLS; i++) {
		struct dpll *d = &c->dpll[i];

		if (!d->device)
			continue;
		if (d->registered)
			dpll_device_unregister(d->device, &c->device_ops, d);
		d->former = d->device;
#ifdef KERNEL_HAS_DPLL_TRACKER
		d->former_tracker = d->tracker;
#endif
		d->device = NULL;
		d->registered = false;
	}
}

void pins_exit(struct card *c)
{
	int i;

	for (i = 0; i < DPLLS; i++) {
		if (c->dpll[i].former)
			put_former(&c->dpll[i]);
		c->dpll[i].former = NULL;
	}
}
