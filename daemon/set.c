/* SPDX-License-Identifier: MIT
 *
 * set.c - adit set KEY VALUE: settings of a running node, one row per key
 */
#include "daemon/set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coord/name.h"

struct row {
	const char *key;
	/* apply() - check the value and put it into n->state; 0 or -EINVAL and why */
	int (*apply)(struct node *n, const char *value,
		     char why[static SET_WHY]);
};

static int apply_hostname(struct node *n, const char *value,
			  char why[static SET_WHY])
{
	if (!name_valid(value)) {
		snprintf(why, SET_WHY, "hostname: a name is one DNS label: a-z, "
			 "0-9 and -, 63 at most");
		return -EINVAL;
	}
	if (n->state.enrolled) {
		snprintf(why, SET_WHY, "hostname: the network knows this node by "
			 "its name already; adit leave, then join under the "
			 "new one");
		return -EINVAL;
	}
	snprintf(n->state.hostname, sizeof(n->state.hostname), "%s", value);
	return 0;
}

static const struct row rows[] = {
	{ "hostname", apply_hostname },
};

static void list_keys(const char *key, char why[static SET_WHY])
{
	int at = snprintf(why, SET_WHY, "no setting is called %.64s; there are:",
			  key);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && at < SET_WHY; i++)
		at += snprintf(why + at, (size_t)(SET_WHY - at), " %s",
			       rows[i].key);
}

int set_key(struct node *n, const char *key, const char *value,
	    char why[static SET_WHY])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err;

		if (strcmp(rows[i].key, key))
			continue;
		err = rows[i].apply(n, value, why);
		if (err)
			return err;
		err = state_save(&n->state);
		if (err)
			snprintf(why, SET_WHY, "%s is in effect, but node.json "
				 "cannot be written: %s", key, strerror(-err));
		return err;
	}
	list_keys(key, why);
	return -ENOENT;
}
