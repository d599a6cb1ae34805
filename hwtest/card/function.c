// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver layer: one platform device for each Ethernet port, as a network
 * card has one PCI function for each. Function 0 owns what the card has once:
 * PHC, DPLLs and receiver. Function 1 has its port only.
 */
#include <linux/module.h>
#include "card.h"

/* which card and port a platform device is */
struct place {
	int card, port;
};

static void card_unbind(struct card *c)
{
	poll_stop(c);
	pins_stop(c);
	gnss_stop(c);
	phc_stop(c);
	c->bound = false;
}

static int function_probe(struct platform_device *pdev)
{
	const struct place *at = dev_get_platdata(&pdev->dev);
	struct card *c = cards[at->card];
	int err = 0;

	mutex_lock(&c->driver);
	if (!at->port) {
		err = phc_start(c, &pdev->dev);
		if (!err)
			err = gnss_start(c, &pdev->dev);
		if (!err)
			err = pins_start(c);
		c->bound = !err;
	}
	if (!err)
		err = net_start(c, at->port, &pdev->dev);
	if (!err && !at->port)
		poll_start(c);
	if (err && !at->port)
		card_unbind(c);
	mutex_unlock(&c->driver);
	return err;
}

static void function_remove(struct platform_device *pdev)
{
	const struct place *at = dev_get_platdata(&pdev->dev);
	struct card *c = cards[at->card];

	mutex_lock(&c->driver);
	if (!at->port)
		poll_stop(c);
	net_stop(c, at->port);
	if (!at->port)
		card_unbind(c);
	mutex_unlock(&c->driver);
}

static struct platform_driver function_driver = {
	.probe = function_probe,
	.remove = function_remove,
	.driver = { .name = "tgmcard" },
};

static void functions_gone(void)
{
	int i, port;

	/* function 1's port uses the pins of function 0: it goes first */
	for (i = 0; i < CARDS_MAX; i++)
		for (port = PORTS - 1; cards[i] && port >= 0; port--) {
			if (cards[i]->function[port])
				platform_device_unregister(cards[i]->function[port]);
			cards[i]->function[port] = NULL;
		}
}

int function_register(void)
{
	int i, port, err;

	err = platform_driver_register(&function_driver);
	if (err)
		return err;
	for (i = 0; i < CARDS_MAX && cards[i]; i++) {
		for (port = 0; port < PORTS; port++) {
			struct place at = { i, port };
			struct platform_device *p;

			p = platform_device_register_data(NULL, "tgmcard", PORTS * i + port,
							  &at, sizeof(at));
			if (IS_ERR(p)) {
				err = PTR_ERR(p);
				goto undo;
			}
			cards[i]->function[port] = p;
			/* the core reports no failure of a probe */
			if (!device_is_bound(&p->dev)) {
				err = -ENODEV;
				goto undo;
			}
		}
	}
	return 0;
undo:
	functions_gone();
	platform_driver_unregister(&function_driver);
	return err;
}

void function_unregister(void)
{
	functions_gone();
	platform_driver_unregister(&function_driver);
}

/* Takes the driver off both functions and binds it anew: other ids. */
int function_reload(struct card *c)
{
	int port, err;

	for (port = PORTS - 1; port >= 0; port--)
		device_release_driver(&c->function[port]->dev);
	for (port = 0; port < PORTS; port++) {
		err = device_attach(&c->function[port]->dev);
		if (err < 0)
			return err;
		if (!err)
			return -ENODEV;
	}
	return 0;
}
