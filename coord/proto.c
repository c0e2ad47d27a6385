/* SPDX-License-Identifier: MIT
 *
 * proto.c - the coordination protocol: JSON objects in sealed messages
 */
#include "coord/proto.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/stream.h"
#include "crypto/channel.h"

static const char *const names[] = {
	[PROTO_JOIN] = "join",	     [PROTO_LOGIN] = "login",
	[PROTO_RESYNC] = "resync",   [PROTO_PUBLISH] = "publish",
	[PROTO_SIGNAL] = "signal",   [PROTO_LEAVE] = "leave",
	[PROTO_PROBE] = "probe",     [PROTO_WARNING] = "warning",
	[PROTO_WELCOME] = "welcome", [PROTO_NETMAP] = "netmap",
	[PROTO_TOKEN] = "token",     [PROTO_LEFT] = "left",
	[PROTO_REMOVED] = "removed", [PROTO_ERROR] = "error",
};

const char *proto_type_name(enum proto_type t)
{
	return t < PROTO_UNKNOWN ? names[t] : "unknown";
}

/* jansson recurses per level: bound that before it starts. */
static bool is_shallow(const char *p, size_t n)
{
	bool in_text = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_text && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_text = !in_text;
		else if (in_text)
			continue;
		else if (p[i] == '{' || p[i] == '[')
			depth++;
		else if (p[i] == '}' || p[i] == ']')
			depth--;
		if (depth > PROTO_DEPTH_MAX)
			return false;
	}
	return true;
}

json_t *proto_parse(const void *p, size_t n, size_t max, enum proto_type *type)
{
	json_t *o;
	const char *name;

	if (n == 0 || n > max || !is_shallow(p, n))
		return NULL;
	o = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(o)) {
		json_decref(o);
		return NULL;
	}
	name = proto_text(o, "type");
	*type = PROTO_UNKNOWN;
	for (unsigned t = 0; name && t < PROTO_UNKNOWN; t++)
		if (!strcmp(name, names[t]))
			*type = (enum proto_type)t;
	return o;
}

json_t *proto_new(enum proto_type t)
{
	json_t *o = json_object();

	if (o)
		proto_set_text(o, "type", proto_type_name(t));
	return o;
}

const char *proto_text(const json_t *o, const char *member)
{
	return json_string_value(json_object_get(o, member));
}

bool proto_bool(const json_t *o, const char *member)
{
	return json_is_true(json_object_get(o, member));
}

uint64_t proto_number(const json_t *o, const char *member)
{
	json_int_t v = json_integer_value(json_object_get(o, member));

	return v > 0 ? (uint64_t)v : 0;
}

bool proto_key(const json_t *o, const char *member, struct key_public *out)
{
	const char *text = proto_text(o, member);

	return text && key_public_parse(text, out);
}

bool proto_octets(const json_t *o, const char *member, void *out, size_t room,
		  size_t *n)
{
	const json_t *v = json_object_get(o, member);

	return json_is_string(v) &&
	       base64_read(json_string_value(v), json_string_length(v), out,
			   room, n);
}

void proto_set_text(json_t *o, const char *member, const char *v)
{
	json_object_set_new(o, member, json_string(v));
}

void proto_set_bool(json_t *o, const char *member, bool v)
{
	json_object_set_new(o, member, json_boolean(v));
}

void proto_set_number(json_t *o, const char *member, uint64_t v)
{
	json_object_set_new(o, member, json_integer((json_int_t)v));
}

void proto_set_key(json_t *o, const char *member, const struct key_public *k)
{
	char text[KEY_TEXT];

	proto_set_text(o, member, key_public_text(k, text));
}

void proto_set_octets(json_t *o, const char *member, const void *p, size_t n)
{
	char text[BASE64_ROOM(PROTO_SIGNAL_MAX)];

	if (n > PROTO_SIGNAL_MAX)
		return;
	base64_write(p, n, text);
	proto_set_text(o, member, text);
	secret_wipe(text, sizeof(text));
}

bool proto_send_text(struct stream *s, struct channel *c, const char *text, size_t n)
{
	uint8_t *sealed = n && n <= PROTO_MESSAGE_MAX ? malloc(n + CHANNEL_TAG) :
							NULL;
	size_t sealed_n = sealed ? channel_seal(c, text, n, sealed) : 0;
	bool ok = sealed_n && stream_send(s, sealed, sealed_n);

	free(sealed);
	return ok;
}

bool proto_send(struct stream *s, struct channel *c, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;
	bool ok = proto_send_text(s, c, text, n);

	json_decref(o);
	if (text)
		secret_wipe(text, n);
	free(text);
	return ok;
}
