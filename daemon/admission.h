/* SPDX-License-Identifier: MIT
 *
 * admission.h - our admission to relays, kept over restarts (glue)
 *
 * The coordination server's last token (relay/token.h) lies in the state folder, so that
 * a node that starts while that server is dead is still let in by the relays that live.
 * It is used only when the server does not answer at once: a copy of a state folder is
 * refused by the server first, and must not take the relays from its original.
 */
#pragma once

#include "daemon/node.h"

must_check int admission_init(struct node *n); /* after each start of the node */
/* admission_set() - a fresh token from the server: used, and kept */
void admission_set(struct node *n, const uint8_t *token, size_t octets);
/* admission_recall() - the server is away: use the kept one, if we have none */
void admission_recall(struct node *n);
/* admission_forget() - refused, or left: registrations end, the file goes */
void admission_forget(struct node *n);
