/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tgmcard: a timing card that exists only in memory, behind the kernel's own
 * PTP, DPLL, GNSS and network interfaces.
 *
 * Two layers, as with a real card. The hardware (struct card) is made when the
 * module is loaded and goes on by itself: oscillator, clock, two DPLLs, pulses,
 * receiver. The driver layer (function.c and what it calls) registers it with
 * the kernel when a platform device is bound and may go and come again while
 * the hardware keeps its state.
 *
 * Locks, outermost first:
 *   card.control   one control command at a time
 *   (device lock)  of the driver core
 *   card.driver    what is registered; never taken by a callback of the kernel
 *   (locks of the subsystems: dpll, gnss, rtnl)
 *   receiver.lock  the receiver's state
 *   card.lock      the hardware's state, a spin lock, taken in hard interrupts
 */
#ifndef TGMCARD_H
#define TGMCARD_H

#undef pr_fmt
#define pr_fmt(fmt) "tgmcard: " fmt

#include <linux/dpll.h>
#include <linux/gnss.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/net_tstamp.h>
#include <linux/platform_device.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#define CARDS_MAX	4
#define PORTS		2
#define EXTTS_CHANNELS	4
#define PEROUT_CHANNELS	4
/* and one for the kernel's PPS */
#define KERNEL_PPS	PEROUT_CHANNELS
#define OUTPUTS		(PEROUT_CHANNELS + 1)
#define PHC_PINS	5
/* TAI - GPS time, seconds; fixed since 1980 */
#define TAI_GPS_S	19
/* A pulse is high for this long, ns (the F9T's factory setting). */
#define PULSE_WIDTH_NS	(100 * NSEC_PER_MSEC)

enum dpll_kind { EEC, PPS, DPLLS };
enum source_kind { SRC_GNSS, SRC_SMA1, SRC_SMA2, SOURCES };

enum pin_kind {
	IN_SDP22, IN_SDP20, IN_RCLKA, IN_RCLKB, IN_SMA1, IN_SMA2, IN_GNSS,
	INPUTS,
	OUT_SMA1 = INPUTS, OUT_SMA2, OUT_PHY, OUT_MAC, OUT_SDP21, OUT_SDP23,
	PINS,
};

struct card;

/* The crystal. Fractional frequencies in ppt (1e-12), temperature in m°C. */
struct oscillator {
	s64 offset_ppt;
	s64 walk_ppt;		/* where the random walk is */
	u32 walk_step_ppt;	/* largest step of the walk in a second */
	s64 aging_ppt_day;
	s64 tempco_ppt;		/* for one kelvin away from 25 °C */
	s32 temperature;
	u64 born_ns;		/* MONOTONIC_RAW; where the ageing starts */
	u64 random;
};

/* Something that counts: a line from an anchor on. */
struct line {
	u64 anchor_raw;		/* MONOTONIC_RAW, ns */
	s64 anchor_ns;
	u64 anchor_frac;	/* 2^-60 ns */
	u64 rate;		/* its ns for a ns of MONOTONIC_RAW, 2^-60 */
};

/* A periodic signal that the PHC makes; its times are the PHC's. */
struct output {
	bool on;
	bool once;
	s64 first_ns;		/* a rising edge; none comes before */
	u64 period_ns;
	u64 high_ns;
	s64 told_ns;		/* its edges up to here are over */
};

/* What an E810's PHC has not, and this one may have. */
enum offer {
	OFFER_COUNTER = 1,	/* a counter that nobody steers */
	OFFER_CROSS = 2,	/* both clocks latched at one instant */
	OFFER_PPS = 4,		/* pulses for the kernel's PPS */
	OFFER_DUTY = 8,		/* outputs with a duty cycle */
	OFFER_ONCE = 16,	/* outputs of a single pulse */
};

/* The PTP hardware clock. */
struct phc {
	struct ptp_clock_info info;
	struct ptp_clock *clock;
	struct ptp_pin_desc pin[PHC_PINS];
	struct line time;
	struct line counter;
	u32 offers;		/* enum offer; holds from the next phc_start on */
	s64 adjust_ppt;		/* what adjfine asked for */
	s64 slew_left_ns;	/* what adjphase still owes */
	s64 drift_ppt;		/* a fault: nobody has asked for it */
	bool coupled;		/* clocked by the EEC's output, not the crystal */
	bool fails;
	u32 read_ns;		/* how long a read of the register takes */
	u32 extts_flags[EXTTS_CHANNELS];	/* 0: off */
	bool extts_from_dpll;	/* what the pin GNSS/SDP21/SDP23 carries */
	struct output output[OUTPUTS];
	bool looped;		/* a cable from SMA1 to SMA2, or SDP20 to SDP21 */
	u64 edges;
};

/* A pulse that comes from outside of the DPLLs. */
struct pulse {
	bool on;
	s64 offset_ns;
	s64 walk_ns;		/* what offset_ns grows by in a second */
	u32 noise_ns;
	u32 drop;		/* so many more do not come */
	u64 last_raw;		/* of the last that came */
	s64 now_ns;		/* its offset with the noise */
	s64 next_noise_ns;	/* of the next: a receiver tells it ahead, TIM-TP */
	u64 count;
};

/* One DPLL: the loop (dpll.c) and what the driver has read of it (poll.c). */
struct dpll {
	struct card *card;
	enum dpll_kind kind;
	/* loop */
	enum dpll_lock_status status;
	int reference;		/* the input it follows, or -1 */
	u64 since_raw;		/* of status */
	bool acquiring;
	u64 acquire_raw;	/* since when */
	s64 phase_fs;		/* of the output against true time at phase_raw */
	u64 phase_raw;
	s64 freq_ppt;		/* of the output against true time */
	s64 pull_ppt;		/* the integral: what the crystal lacks */
	s64 error_fs;		/* reference - output, at the last pulse */
	u32 bandwidth_mhz;
	bool forced;
	bool forced_phase;
	s64 forced_phase_fs;
	enum dpll_lock_status_error status_error;	/* 0: not reported */
	enum dpll_clock_quality_level quality;
	s32 temperature;
	enum dpll_mode mode;
	int manual;		/* input chosen in manual mode */
	/* driver */
	struct dpll_device *device;
#ifdef KERNEL_HAS_DPLL_TRACKER
	dpll_tracker tracker;
#endif
	bool registered;
	/* of the driver before; kept so that the next one gets another id */
	struct dpll_device *former;
#ifdef KERNEL_HAS_DPLL_TRACKER
	dpll_tracker former_tracker;
#endif
	enum dpll_lock_status seen_status;
	int seen_active;
	s64 seen_phase_fs;
	bool phase_monitor;
	bool freq_monitor;
	u32 average;		/* a new phase counts for 1 in 2^average */
};

struct pin {
	struct card *card;
	enum pin_kind kind;
	/* hardware */
	bool signal;		/* forced on from outside */
	bool blocked;		/* forced off from outside */
	bool enabled[DPLLS];
	u32 priority[DPLLS];
	u64 frequency;
	s32 adjust_ps;
	s64 phase_ps;		/* laid on from outside */
	s64 ffo_ppt;
	u64 esync;
	enum dpll_pin_direction direction;
	enum dpll_pin_state paired;	/* reference-sync */
	/* driver */
	struct dpll_pin_properties properties;
	struct dpll_pin *handle;
#ifdef KERNEL_HAS_DPLL_TRACKER
	dpll_tracker tracker;
#endif
	int registered;		/* on so many DPLLs */
};

struct port {
	struct card *card;
	int index;
	struct net_device *device;
	struct port *peer;	/* at the cable's other end */
	struct napi_struct napi;
	struct sk_buff_head wire;	/* on the way to this port */
	struct kernel_hwtstamp_config stamp;
	/* recovered clock */
	struct dpll_pin *clock;
#ifdef KERNEL_HAS_DPLL_TRACKER
	dpll_tracker tracker;
#endif
	int clock_parents;
	bool recovered[2];	/* drives RCLKA, RCLKB */
	bool up;
};

/* Keys of CFG-VALSET that were set; the rest have their factory value. */
#define KEYS_MAX	192
struct config {
	struct { u32 key; u64 value; } item[KEYS_MAX];
	int count;
};

struct receiver {
	struct mutex lock;
	struct gnss_device *device;
	bool open;
	struct delayed_work epoch;
	s64 epoch_tai_s;	/* the second that is told next */
	bool antenna, shorted, silent, truncate;
	int fix;		/* gpsFix; 0 while searching */
	int fix_wanted;		/* what it finds once it has searched */
	u32 acquire_s;
	u64 search_raw;		/* since when it searches */
	u64 start_raw;
	u8 jamming, spoofing;
	u32 tacc_ns;
	u32 delay_ms;
	/* leap seconds: GPS - UTC, and one to come */
	s8 leap_s;
	s8 leap_change;
	s64 leap_tai_s;		/* first second with the new number; 0: none */
	/* survey-in */
	bool survey_active, survey_valid;
	u32 survey_s;
	u32 survey_acc_mm10;	/* 0.1 mm */
	struct config config;
	/* what came from user space and is not yet a frame */
	u8 in[1024];
	int in_len;
	u64 bytes, dropped, frames;
	/* what waits for the driver's next look at the receiver */
	struct delayed_work look;
	u32 burst_ms;		/* between two looks; 0: no waiting */
	int waiting;
	u8 out[4096];
	u64 ticks;
};

struct card {
	int index;
	u64 clock_id;
	u8 generation;
	struct mutex control;
	struct mutex driver;
	spinlock_t lock;
	struct platform_device *function[PORTS];
	bool bound;
	struct dentry *folder;
	/* true time: TAI ns at MONOTONIC_RAW 0 */
	s64 tai_at_0;
	struct oscillator oscillator;
	struct phc phc;
	struct pulse source[SOURCES];
	struct hrtimer edge, output_edge;
	u64 edge_raw;		/* the edge that comes next */
	bool edge_falls;
	struct dpll dpll[DPLLS];
	struct pin pin[PINS];
	struct port port[PORTS];
	struct receiver receiver;
	/* driver: the poll of the DPLLs */
	struct delayed_work poll;
	u32 poll_ms, lock_s, hoacq_s, holdover_s;
	u32 errors_due, errors;
	bool worker_dead, worker_stuck, ntf_silent;
	bool without_phase, without_priority, without_frequency;
	bool dpll_extras;	/* also what an E810's driver does not offer */
	struct work_struct told;
	unsigned long to_tell;	/* DPLLs with another setting, a bit each */
	u64 polls, ntfs;
	struct dpll_device_ops device_ops;
	struct dpll_pin_ops input_ops, output_ops;
	/* cables */
	s64 cable_ns, cable_asym_ns;
	bool cable_cut;
	u32 stamps_lost;	/* so many more of sent frames do not come */
};

/* main.c */
extern struct card *cards[CARDS_MAX];
extern struct workqueue_struct *card_wq;
extern char *card_ifname;
extern bool card_extras, card_crosststamp, card_sdp, card_coupled;
static inline u64 now_raw(void) { return ktime_get_raw_ns(); }
static inline s64 tai_at(const struct card *c, u64 raw) { return c->tai_at_0 + (s64)raw; }

/* function.c */
int function_register(void);
void function_unregister(void);
int function_reload(struct card *c);

/* oscillator.c */
void oscillator_init(struct card *c, u64 seed, s64 offset_ppt);
void oscillator_second(struct card *c);
s64 oscillator_ppt(const struct card *c, u64 raw);
u32 random_u32(struct card *c);
s64 random_within(struct card *c, u64 amplitude);

/* line.c */
u64 line_factor(s64 ppt);
s64 line_at(const struct line *l, u64 raw);
u64 line_raw(const struct line *l, s64 ns);
void line_move(struct line *l, u64 raw);

/* phc.c; these need card.lock except for init, start and stop */
void phc_init(struct card *c, s64 offset_ns);
int phc_start(struct card *c, struct device *parent);
void phc_stop(struct card *c);
s64 phc_at(const struct card *c, u64 raw);
void phc_move(struct card *c, u64 raw);
void phc_rate(struct card *c);
void phc_step(struct card *c, s64 ns);
s64 phc_counter(const struct card *c, u64 raw);
bool phc_feeds(const struct card *c, enum pin_kind kind);

/* output.c; all but init and stop need card.lock */
void output_init(struct card *c);
void output_stop(struct card *c);
int output_start(struct card *c, const struct ptp_perout_request *rq);
void output_kernel_pps(struct card *c, bool on);
void output_anew(struct card *c);
bool output_into(const struct card *c, int pin);

/* pulse.c */
void pulse_init(struct card *c);
void pulse_start(struct card *c);
void pulse_stop(struct card *c);

/* dpll.c; all need card.lock */
void dpll_init(struct card *c);
bool pin_has_second(const struct card *c, enum pin_kind kind, u64 raw);
void dpll_second(struct card *c, u64 raw);
void dpll_judge(struct card *c, u64 raw);
void dpll_force(struct dpll *d, enum dpll_lock_status status, u64 raw);
void dpll_free(struct dpll *d, u64 raw);
s64 dpll_phase_fs(const struct dpll *d, u64 raw);
bool pin_has_signal(const struct card *c, enum pin_kind kind, u64 raw);
s64 pin_phase_fs(const struct card *c, enum pin_kind kind, u64 raw);
const char *dpll_status_name(enum dpll_lock_status status);

/* pins.c */
int pins_start(struct card *c);
void pins_stop(struct card *c);
void pins_exit(struct card *c);
int pin_by_label(const char *label);
const char *pin_label(enum pin_kind kind);
int pin_partner(enum pin_kind kind);
void pins_init(struct card *c);

/* poll.c */
void poll_init(struct card *c);
void poll_start(struct card *c);
void poll_stop(struct card *c);
void poll_now(struct card *c);
void poll_flood(struct card *c, u32 count);
void poll_pin_changed(struct card *c, enum pin_kind kind);
void poll_device_changed(struct card *c, enum dpll_kind kind);
void poll_device_set(struct card *c, enum dpll_kind kind);

/* gnss.c; receiver.lock is held where a receiver is given */
void gnss_init(struct card *c, u8 leap_s);
void gnss_exit(struct card *c);
int gnss_start(struct card *c, struct device *parent);
void gnss_stop(struct card *c);
void gnss_send(struct receiver *r, const void *data, size_t len);
void gnss_antenna(struct card *c, bool on, bool shorted);
void gnss_search(struct card *c);
struct tm;
s64 gnss_utc(const struct receiver *r, s64 tai_s, struct tm *tm);
static inline struct card *receiver_card(struct receiver *r)
{
	return container_of(r, struct card, receiver);
}

/* config.c */
void config_default(struct config *cfg);
int config_size(u32 key);
bool config_get(const struct config *cfg, u32 key, u64 *value);
int config_set(struct config *cfg, u32 key, u64 value);
void config_delete(struct config *cfg, u32 key);
u32 config_ubx_rate(const struct config *cfg, u8 class, u8 id);
u32 config_nmea_rate(const struct config *cfg, u8 id);
u32 config_msg_key(u8 class, u8 id);

/* ubx.c and ubxpoll.c */
void ubx_input(struct receiver *r, const u8 *data, size_t len);
void ubx_send(struct receiver *r, u8 class, u8 id, const void *payload, u16 len);
bool ubx_message(struct receiver *r, u8 class, u8 id, s64 tai_s);
void ubx_epoch(struct receiver *r, s64 tai_s);

/* nmea.c */
void nmea_epoch(struct receiver *r, s64 tai_s);

/* net.c */
void net_init(struct card *c);
int net_start(struct card *c, int index, struct device *parent);
void net_stop(struct card *c, int index);
void net_wire(struct card *const *list, int count);
void net_carrier(struct card *c);
void net_clock(struct card *c, int index, bool on);

/* control.c, table.c, state.c */
void control_init(void);
void control_exit(void);
void control_folder(struct card *c);

struct arguments {
	s64 number[4];
	int choice[3];
	char *label;
	char *text;
	int numbers, choices;
	char why[80];		/* what is wrong, for the log */
};

struct command {
	const char *pattern;
	int (*run)(struct card *c, struct arguments *a);
};

extern const struct command commands[];
extern const struct file_operations state_fops;

#endif
