/* SPDX-License-Identifier: MIT
 *
 * set.h - adit set KEY VALUE: settings of a running node, kept in its state
 *
 * One row per key in set.c. What /etc/adit/aditd.conf fixes is not here.
 */
#pragma once

#include "daemon/node.h"

enum {
	SET_WHY = 512, /* octets of a refusal */
};

/**
 * set_key() - Check a value, put it into effect, write it to node.json
 * @key:   As typed by a user; unknown ones are refused with the list of those known
 * @value: As typed by a user
 * @why:   One sentence on failure
 * Return: 0, -ENOENT: no such key, -EINVAL: the value, or an error of writing
 */
must_check int set_key(struct node *n, const char *key, const char *value,
		       char why[static SET_WHY]);
