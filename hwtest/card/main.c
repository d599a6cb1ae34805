// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading: the cards' hardware, then the platform devices that
 * bind the driver layer to it.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "card.h"

static int count = 1;
module_param_named(cards, count, int, 0444);
MODULE_PARM_DESC(cards, "how many cards, 1 to 4 (default 1)");
static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "of the random numbers (default 1)");
static long start;
module_param(start, long, 0444);
MODULE_PARM_DESC(start, "true UTC at load, s; 0: from CLOCK_REALTIME (default)");
static long phc;
module_param(phc, long, 0444);
MODULE_PARM_DESC(phc, "offset of the PHCs from TAI at load, ns (default 0)");
static int osc;
module_param(osc, int, 0444);
MODULE_PARM_DESC(osc, "offset of the oscillators, ppt (default 0)");
static int leap = 18;
module_param(leap, int, 0444);
MODULE_PARM_DESC(leap, "GPS - UTC at load, s (default 18)");
char *card_ifname = "ens";
module_param_named(ifname, card_ifname, charp, 0444);
MODULE_PARM_DESC(ifname, "interfaces are called this, card, f, port: ens1f0 (default ens)");
bool card_coupled = true;
module_param_named(coupled, card_coupled, bool, 0444);
MODULE_PARM_DESC(coupled, "the PHC is clocked by the EEC's output (default yes)");
bool card_extras;
module_param_named(extras, card_extras, bool, 0444);
MODULE_PARM_DESC(extras, "also what an E810's driver does not offer (default no)");
bool card_crosststamp;
module_param_named(crosststamp, card_crosststamp, bool, 0444);
MODULE_PARM_DESC(crosststamp, "PTP_SYS_OFFSET_PRECISE works (default no)");
bool card_sdp;
module_param_named(sdp, card_sdp, bool, 0444);
MODULE_PARM_DESC(sdp, "PHC pins SDP20 to SDP23 instead of GNSS, SMA1, ... (default no)");

struct card *cards[CARDS_MAX];
struct workqueue_struct *card_wq;

static struct card *card_make(int index, s64 tai_at_0)
{
	struct card *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->index = index;
	/* 50:7c:6f is an E810's; the low half is the card's */
	c->clock_id = 0x507c6fffff1fb580ULL + 8 * index;
	mutex_init(&c->control);
	mutex_init(&c->driver);
	spin_lock_init(&c->lock);
	c->tai_at_0 = tai_at_0;
	oscillator_init(c, ((u64)seed << 8) + index + 1, osc);
	dpll_init(c);
	pins_init(c);
	phc_init(c, phc);
	net_init(c);
	gnss_init(c, leap);
	poll_init(c);
	pulse_init(c);
	return c;
}

static void hardware_off(void)
{
	int i;

	for (i = 0; i < CARDS_MAX; i++) {
		if (!cards[i])
			continue;
		pulse_stop(cards[i]);
		output_stop(cards[i]);
		gnss_exit(cards[i]);
		pins_exit(cards[i]);
	}
	destroy_workqueue(card_wq);
	for (i = 0; i < CARDS_MAX; i++) {
		kfree(cards[i]);
		cards[i] = NULL;
	}
}

static int __init tgmcard_load(void)
{
	s64 tai_at_0;
	int i, err;

	if (count < 1 || count > CARDS_MAX) {
		pr_err("cards=%d: 1 to %d\n", count, CARDS_MAX);
		return -EINVAL;
	}
	if (!*card_ifname || strlen(card_ifname) > IFNAMSIZ - 5) {
		pr_err("ifname=%s: 1 to %d characters\n", card_ifname, IFNAMSIZ - 5);
		return -EINVAL;
	}
	/* all cards see the same true time */
	tai_at_0 = (start ? start * NSEC_PER_SEC : (s64)ktime_get_real_ns()) +
		   (TAI_GPS_S + leap) * NSEC_PER_SEC - (s64)now_raw();
	card_wq = alloc_workqueue("tgmcard", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!card_wq)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		cards[i] = card_make(i, tai_at_0);
		if (!cards[i]) {
			hardware_off();
			return -ENOMEM;
		}
	}
	net_wire(cards, count);
	for (i = 0; i < count; i++)
		pulse_start(cards[i]);
	control_init();
	err = function_register();
	if (err) {
		control_exit();
		hardware_off();
		return err;
	}
	pr_info("%d card%s\n", count, count > 1 ? "s" : "");
	return 0;
}

static void __exit tgmcard_unload(void)
{
	/* first the files that reach the hardware, then the driver */
	control_exit();
	function_unregister();
	hardware_off();
}

module_init(tgmcard_load);
module_exit(tgmcard_unload);
MODULE_DESCRIPTION("A timing card that exists only in memory");
MODULE_LICENSE("GPL");
