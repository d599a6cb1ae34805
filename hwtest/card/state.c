// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the card really does, for tests to compare with what user space thinks:
 * a key and its value on a line.
 */
#include <linux/module.h>
#include <linux/seq_file.h>
#include "card.h"

static const char * const source_names[] = { "gnss", "sma1", "sma2" };
static const char * const dpll_names[] = { "eec", "pps" };

static void show_clock(struct seq_file *m, const struct card *c, u64 raw)
{
	s64 tai = tai_at(c, raw), phc = phc_at(c, raw);

	seq_printf(m, "tai_ns %lld\n", tai);
	seq_printf(m, "utc_ns %lld\n", tai - (TAI_GPS_S + c->receiver.leap_s) * NSEC_PER_SEC);
	seq_printf(m, "phc_ns %lld\n", phc);
	seq_printf(m, "phc_minus_tai_ns %lld\n", phc - tai);
	seq_printf(m, "counter_ns %lld\n", phc_counter(c, raw));
	seq_printf(m, "adj_ppt %lld\n", c->phc.adjust_ppt);
	seq_printf(m, "osc_ppt %lld\n", oscillator_ppt(c, raw));
	seq_printf(m, "extts_edges %llu\n", c->phc.edges);
}

static void show_outputs(struct seq_file *m, const struct card *c)
{
	int i;

	for (i = 0; i < OUTPUTS; i++) {
		const struct output *o = &c->phc.output[i];

		if (o->on)
			seq_printf(m, "output%d first_ns=%lld period_ns=%llu high_ns=%llu once=%d\n",
				   i, o->first_ns, o->period_ns, o->high_ns, o->once);
	}
	seq_printf(m, "looped %d\n", c->phc.looped);
}

static void show_dpll(struct seq_file *m, const struct card *c, u64 raw)
{
	int i;

	for (i = 0; i < SOURCES; i++)
		seq_printf(m, "pps_%s on=%d offset_ns=%lld count=%llu\n", source_names[i],
			   c->source[i].on, c->source[i].offset_ns, c->source[i].count);
	for (i = 0; i < DPLLS; i++) {
		const struct dpll *d = &c->dpll[i];

		seq_printf(m, "dpll_%s %s seen=%s reference=%s acquiring=%d forced=%d phase_fs=%lld freq_ppt=%lld error_fs=%lld\n",
			   dpll_names[i], dpll_status_name(d->status),
			   dpll_status_name(d->seen_status),
			   d->reference < 0 ? "-" : pin_label(d->reference), d->acquiring,
			   d->forced, dpll_phase_fs(d, raw), d->freq_ppt, d->error_fs);
	}
	seq_printf(m, "worker %s polls=%llu errors=%u ntfs=%llu\n",
		   c->worker_dead ? "dead" : c->worker_stuck ? "stuck" : "alive", c->polls, c->errors, c->ntfs);
}

static int state_show(struct seq_file *m, void *unused)
{
	struct card *c = m->private;
	struct receiver *r = &c->receiver;
	unsigned long flags;
	u64 raw;
	int i;

	mutex_lock(&r->lock);
	spin_lock_irqsave(&c->lock, flags);
	raw = now_raw();
	show_clock(m, c, raw);
	show_outputs(m, c);
	show_dpll(m, c, raw);
	spin_unlock_irqrestore(&c->lock, flags);
	seq_printf(m, "gnss fix=%d antenna=%s silent=%d open=%d jamming=%u spoofing=%u survey_s=%u survey_valid=%d\n",
		   r->fix, r->shorted ? "short" : r->antenna ? "on" : "off", r->silent, r->open,
		   r->jamming, r->spoofing, r->survey_s, r->survey_valid);
	seq_printf(m, "gnss_io bytes=%llu dropped=%llu frames=%llu\n", r->bytes, r->dropped,
		   r->frames);
	mutex_unlock(&r->lock);
	for (i = 0; i < PORTS; i++)
		seq_printf(m, "port%d up=%d peer=card%d.%d\n", i, c->port[i].up,
			   c->port[i].peer->card->index, c->port[i].peer->index);
	seq_printf(m, "driver bound=%d generation=%u\n", c->bound, c->generation);
	return 0;
}

static int state_open(struct inode *inode, struct file *file)
{
	return single_open(file, state_show, inode->i_private);
}

const struct file_operations state_fops = {
	.owner = THIS_MODULE,
	.open = state_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
