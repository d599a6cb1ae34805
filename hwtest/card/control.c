// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control files in debugfs. A command is a line of words; the table of
 * commands (table.c) is its grammar, and `controls` prints that table:
 *
 *   word        that word
 *   a|b|c       one of them
 *   LABEL       a word that names a pin
 *   TEXT        the rest of the line
 *   N, NS, ...  a whole number (other upper-case names say its unit)
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "card.h"

#define COMMAND_MAX	4096

static struct dentry *root;

/* The next word of s, with its length; NULL at the end. */
static const char *word(const char **s, int *len)
{
	const char *p = skip_spaces(*s);

	*len = strcspn(p, " \t\r");
	*s = p + *len;
	return *len ? p : NULL;
}

static int choose(const char *choices, int len, const char *w, int wlen)
{
	int i, n, which = 0;

	for (i = 0; i <= len; i += n + 1, which++) {
		n = 0;
		while (i + n < len && choices[i + n] != '|')
			n++;
		if (n == wlen && !strncmp(choices + i, w, n))
			return which;
	}
	return -1;
}

/*
 * Matches a line with a pattern. Returns how many words fitted and sets *full
 * if all did; what was expected next is in why.
 */
static int match(const char *pattern, char *line, struct arguments *a, bool *full)
{
	const char *p = pattern, *l = line, *want, *have;
	int plen, llen, fits = 0;
	char number[24];

	*full = false;
	a->numbers = a->choices = 0;
	for (;; fits++) {
		want = word(&p, &plen);
		if (want && plen == 4 && !strncmp(want, "TEXT", 4)) {
			a->text = skip_spaces(l);
			*full = true;
			return fits + 1;
		}
		have = word(&l, &llen);
		if (!want && !have) {
			*full = true;
			return fits;
		}
		if (!want) {
			snprintf(a->why, sizeof(a->why), "`%.*s` is too much", llen, have);
			return fits;
		}
		snprintf(a->why, sizeof(a->why), "expected %.*s", plen, want);
		if (!have)
			return fits;
		if (plen == 5 && !strncmp(want, "LABEL", 5)) {
			a->label = (char *)have;
			/* the line is ours; its words may end here */
			if (*l)
				*(char *)l++ = 0;
		} else if (isupper(want[0])) {
			if (llen >= sizeof(number))
				return fits;
			memcpy(number, have, llen);
			number[llen] = 0;
			if (kstrtos64(number, 0, &a->number[a->numbers]))
				return fits;
			a->numbers++;
		} else {
			int which = choose(want, plen, have, llen);

			if (which < 0)
				return fits;
			if (memchr(want, '|', plen))
				a->choice[a->choices++] = which;
		}
	}
}

static int run_line(struct card *c, const char *line)
{
	char best_why[80] = "unknown";
	int i, best = 0, err;

	line = skip_spaces(line);
	if (!*line || *line == '#')
		return 0;
	for (i = 0; commands[i].pattern; i++) {
		struct arguments a = {};
		char *copy = kstrdup(line, GFP_KERNEL);
		bool full;
		int fits;

		if (!copy)
			return -ENOMEM;
		fits = match(commands[i].pattern, strim(copy), &a, &full);
		if (full) {
			a.why[0] = 0;
			err = commands[i].run(c, &a);
			if (err)
				pr_warn("card%d: control `%s`: %s (%d)\n", c->index, line,
					a.why[0] ? a.why : "failed", err);
			kfree(copy);
			return err;
		}
		if (fits > best) {
			best = fits;
			strscpy(best_why, a.why, sizeof(best_why));
		}
		kfree(copy);
	}
	pr_warn("card%d: control `%s`: %s\n", c->index, line, best_why);
	return -EINVAL;
}

/* Done when it returns; the first command that fails ends it. */
static ssize_t ctl_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	struct card *c = file->private_data;
	char *all, *rest, *line;
	int err = 0;

	if (len > COMMAND_MAX)
		return -E2BIG;
	all = memdup_user_nul(user, len);
	if (IS_ERR(all))
		return PTR_ERR(all);
	mutex_lock(&c->control);
	rest = all;
	while (!err && (line = strsep(&rest, ";\n")))
		err = run_line(c, line);
	mutex_unlock(&c->control);
	kfree(all);
	return err ? err : len;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = ctl_write,
};

static int controls_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; commands[i].pattern; i++)
		seq_printf(m, "%s\n", commands[i].pattern);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(controls);

void control_folder(struct card *c)
{
	char name[8];

	snprintf(name, sizeof(name), "card%d", c->index);
	c->folder = debugfs_create_dir(name, root);
	debugfs_create_file("ctl", 0200, c->folder, c, &ctl_fops);
	debugfs_create_file("state", 0444, c->folder, c, &state_fops);
}

void control_init(void)
{
	int i;

	root = debugfs_create_dir("tgmcard", NULL);
	debugfs_create_file("controls", 0444, root, NULL, &controls_fops);
	for (i = 0; i < CARDS_MAX && cards[i]; i++)
		control_folder(cards[i]);
}

void control_exit(void)
{
	debugfs_remove_recursive(root);
}
