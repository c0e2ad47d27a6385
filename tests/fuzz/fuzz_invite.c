/* SPDX-License-Identifier: MIT
 *
 * fuzz_invite.c - any text as an invite; any octets as the inside of one
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "coord/invite.h"
#include "coord/name.h"
#include "crypto/blake2s.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses must be the one text of what it says. */
static void try_text(const char *text)
{
	char again[INVITE_TEXT], name[NETMAP_NAME];
	struct invite i;

	name_sanitise(text, name);
	if (!name_valid(name))
		abort();
	if (invite_parse(text, &i))
		return;
	invite_text(&i, again);
	if (strcmp(text, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t inside[404], digest[BLAKE2S_OCTETS];
	char text[600];

	static bool ready;

	if (!ready && key_setup() != 0)
		abort();
	ready = true;
	if (size > 400)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	try_text(text);
	/* With a right checksum, which a search would not find. */
	memcpy(inside, data, size);
	blake2s_hash(digest, data, size);
	memcpy(inside + size, digest, 4);
	memcpy(text, "adit1:", 6);
	base64url_write(inside, size + 4, text + 6);
	try_text(text);
	return 0;
}
