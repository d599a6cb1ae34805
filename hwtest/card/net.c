// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two Ethernet ports and the cables between cards. A frame is stamped with the
 * sender's clock when it leaves and with the receiver's clock when it would
 * arrive, a cable's length later; it is delivered by the receiver's NAPI.
 */
#include <linux/ethtool.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <net/busy_poll.h>
#include <net/sock.h>
#include "card.h"

#define WIRE_MAX	1000

static struct port *port_of(struct net_device *dev)
{
	return *(struct port **)netdev_priv(dev);
}

static ktime_t stamp(struct card *c, u64 raw, bool cycles)
{
	unsigned long flags;
	s64 ns;

	spin_lock_irqsave(&c->lock, flags);
	ns = cycles ? phc_counter(c, raw) : phc_at(c, raw);
	spin_unlock_irqrestore(&c->lock, flags);
	return ns_to_ktime(ns);
}

static bool has_counter(const struct card *c)
{
	return READ_ONCE(c->phc.offers) & OFFER_COUNTER;
}

/* Who reads a virtual clock gets the counter, which the core converts. */
static bool wants_cycles(const struct card *c, const struct sk_buff *skb)
{
	return has_counter(c) && skb->sk && sk_fullsock(skb->sk) &&
	       READ_ONCE(skb->sk->sk_tsflags) & SOF_TIMESTAMPING_BIND_PHC;
}

/* The stamp of a received frame, by the clock of the socket that it came to. */
static ktime_t port_get_tstamp(struct net_device *dev, const struct skb_shared_hwtstamps *at,
			       bool cycles)
{
	struct card *c = port_of(dev)->card;

	return stamp(c, (unsigned long)at->netdev_data, cycles && has_counter(c));
}

static bool connected(const struct port *port)
{
	const struct port *peer = port->peer;

	return peer && READ_ONCE(port->up) && READ_ONCE(peer->up) &&
	       !port->card->cable_cut && !peer->card->cable_cut;
}

static bool lower(const struct port *a, const struct port *b)
{
	return a->card->index * PORTS + a->index < b->card->index * PORTS + b->index;
}

/* The lower card's settings hold for a cable; asymmetry is added one way. */
static u64 cable_ns(const struct port *from, const struct port *to)
{
	const struct card *c = lower(from, to) ? from->card : to->card;
	s64 ns = c->cable_ns + (lower(from, to) ? c->cable_asym_ns : 0);

	return max_t(s64, ns, 0);
}

static void send_to(struct port *from, struct port *to, struct sk_buff *skb, u64 raw)
{
	struct sk_buff *copy;

	if (skb_queue_len(&to->wire) >= WIRE_MAX)
		return;
	copy = skb_copy(skb, GFP_ATOMIC);
	if (!copy)
		return;
	skb_scrub_packet(copy, true);
	memset(skb_hwtstamps(copy), 0, sizeof(*skb_hwtstamps(copy)));
	if (to->stamp.rx_filter != HWTSTAMP_FILTER_NONE) {
		raw += cable_ns(from, to);
		if (has_counter(to->card)) {
			skb_shinfo(copy)->tx_flags |= SKBTX_HW_TSTAMP_NETDEV;
			skb_hwtstamps(copy)->netdev_data = (void *)(unsigned long)raw;
		} else {
			skb_hwtstamps(copy)->hwtstamp = stamp(to->card, raw, false);
		}
	}
	skb_queue_tail(&to->wire, copy);
	napi_schedule(&to->napi);
}

static netdev_tx_t port_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct port *port = port_of(dev);
	u64 raw = now_raw();

	if (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP &&
	    port->stamp.tx_type == HWTSTAMP_TX_ON && READ_ONCE(port->card->stamps_lost)) {
		port->card->stamps_lost--;
	} else if (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP &&
		   port->stamp.tx_type == HWTSTAMP_TX_ON) {
		struct skb_shared_hwtstamps when = {
			.hwtstamp = stamp(port->card, raw, wants_cycles(port->card, skb)),
		};

		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
		skb_tstamp_tx(skb, &when);
	} else {
		skb_tx_timestamp(skb);
	}
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	if (connected(port))
		send_to(port, port->peer, skb, raw);
	consume_skb(skb);
	return NETDEV_TX_OK;
}

static int port_receive(struct napi_struct *napi, int budget)
{
	struct port *port = container_of(napi, struct port, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && (skb = skb_dequeue(&port->wire))) {
		dev_sw_netstats_rx_add(napi->dev, skb->len);
		skb->protocol = eth_type_trans(skb, napi->dev);
		skb_mark_napi_id(skb, napi);
		netif_receive_skb(skb);
		done++;
	}
	if (done < budget && napi_complete_done(napi, done) && !skb_queue_empty(&port->wire))
		napi_schedule(napi);
	return done;
}

/* A link is up when both ends are; rtnl_lock is held. */
static void link_state(struct port *port)
{
	struct port *ends[2] = { port, port->peer };
	bool on = connected(port);
	int i;

	for (i = 0; i < 2; i++) {
		if (!ends[i] || !ends[i]->device)
			continue;
		if (on)
			netif_carrier_on(ends[i]->device);
		else
			netif_carrier_off(ends[i]->device);
	}
}

void net_carrier(struct card *c)
{
	int i;

	rtnl_lock();
	for (i = 0; i < PORTS; i++)
		link_state(&c->port[i]);
	rtnl_unlock();
}

static int port_open(struct net_device *dev)
{
	struct port *port = port_of(dev);

	skb_queue_purge(&port->wire);
	napi_enable(&port->napi);
	netif_start_queue(dev);
	WRITE_ONCE(port->up, true);
	link_state(port);
	return 0;
}

static int port_stop(struct net_device *dev)
{
	struct port *port = port_of(dev);

	WRITE_ONCE(port->up, false);
	netif_stop_queue(dev);
	link_state(port);
	/* the peer may be sending to it just now */
	synchronize_net();
	napi_disable(&port->napi);
	skb_queue_purge(&port->wire);
	return 0;
}

static int port_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	*config = port_of(dev)->stamp;
	return 0;
}

static int port_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
			     struct netlink_ext_ack *ack)
{
	if (config->tx_type != HWTSTAMP_TX_OFF && config->tx_type != HWTSTAMP_TX_ON) {
		NL_SET_ERR_MSG(ack, "one-step time stamps are not offered");
		return -ERANGE;
	}
	/* all frames or none */
	if (config->rx_filter != HWTSTAMP_FILTER_NONE)
		config->rx_filter = HWTSTAMP_FILTER_ALL;
	port_of(dev)->stamp = *config;
	return 0;
}

static int port_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct card *c = port_of(dev)->card;
	struct ptp_clock *clock = READ_ONCE(c->phc.clock);

	info->so_timestamping = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE |
				SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
				SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	info->phc_index = clock ? ptp_clock_index(clock) : -1;
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL);
	return 0;
}

static void port_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "tgmcard", sizeof(info->driver));
	strscpy(info->bus_info, dev_name(dev->dev.parent), sizeof(info->bus_info));
}

static int port_link_settings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	settings->base.speed = netif_carrier_ok(dev) ? SPEED_25000 : SPEED_UNKNOWN;
	settings->base.duplex = netif_carrier_ok(dev) ? DUPLEX_FULL : DUPLEX_UNKNOWN;
	settings->base.port = PORT_FIBRE;
	return 0;
}

static const struct ethtool_ops tools = {
	.get_drvinfo = port_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = port_link_settings,
	.get_ts_info = port_ts_info,
};

static const struct net_device_ops operations = {
	.ndo_open = port_open,
	.ndo_stop = port_stop,
	.ndo_start_xmit = port_xmit,
	.ndo_get_tstamp = port_get_tstamp,
	.ndo_hwtstamp_get = port_hwtstamp_get,
	.ndo_hwtstamp_set = port_hwtstamp_set,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

void net_init(struct card *c)
{
	int i;

	c->cable_ns = 25;
	for (i = 0; i < PORTS; i++) {
		c->port[i].card = c;
		c->port[i].index = i;
		skb_queue_head_init(&c->port[i].wire);
	}
}

/* Pairs of cards, port to port; a card that is left over has its own two. */
void net_wire(struct card *const *list, int count)
{
	int i, port;

	for (i = 0; i < count; i++)
		for (port = 0; port < PORTS; port++) {
			if ((i ^ 1) < count)
				list[i]->port[port].peer = &list[i ^ 1]->port[port];
			else
				list[i]->port[port].peer = &list[i]->port[port ^ 1];
		}
}

/* Ties the recovered clock's pin to the interface, if both are there. */
void net_clock(struct card *c, int index, bool on)
{
	struct port *port = &c->port[index];

	if (!port->device || !port->clock)
		return;
	if (on)
		dpll_netdev_pin_set(port->device, port->clock);
	else
		dpll_netdev_pin_clear(port->device);
}

int net_start(struct card *c, int index, struct device *parent)
{
	u8 address[ETH_ALEN] = { 0x50, 0x7c, 0x6f, 0x1f, 0xb5, 0x80 + 8 * c->index + index };
	struct port *port = &c->port[index];
	struct net_device *dev = alloc_etherdev(sizeof(struct port *));
	int err;

	if (!dev)
		return -ENOMEM;
	*(struct port **)netdev_priv(dev) = port;
	dev->netdev_ops = &operations;
	dev->ethtool_ops = &tools;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->dev_port = index;
	dev->max_mtu = 9702;
	SET_NETDEV_DEV(dev, parent);
	eth_hw_addr_set(dev, address);
	snprintf(dev->name, sizeof(dev->name), "%s%uf%u", card_ifname,
		 (c->index + 1) % 10, index % 10);
	memset(&port->stamp, 0, sizeof(port->stamp));
	netif_napi_add(dev, &port->napi, port_receive);
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	port->device = dev;
	net_clock(c, index, true);
	return 0;
}

void net_stop(struct card *c, int index)
{
	struct port *port = &c->port[index];
	struct net_device *dev = port->device;

	if (!dev)
		return;
	net_clock(c, index, false);
	port->device = NULL;
	unregister_netdev(dev);
	free_netdev(dev);
}
