/* SPDX-License-Identifier: MIT
 *
 * test_node_conf.c - files, drop-ins and flags into struct node_conf, and refusals
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/node_conf.h"

#define KEY_A "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define KEY_B "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static char folder[] = "/tmp/test_node_conf.XXXXXX";
static char path[64], drop_in[80], drop_folder[64];
static char why[512];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/[a].conf", folder);
	snprintf(drop_folder, sizeof(drop_folder), "%s/[a].conf.d", folder);
	snprintf(drop_in, sizeof(drop_in), "%s/10.conf", drop_folder);
	return mkdir(drop_folder, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(drop_in);
	unlink(path);
	rmdir(drop_folder);
	return rmdir(folder);
}

static void put(const char *to, const char *text, mode_t mode)
{
	assert_int_equal(file_replace(to, text, strlen(text), mode), 0);
}

static int read_text(struct node_conf *c, const char *text)
{
	put(path, text, 0600);
	node_conf_defaults(c);
	return node_conf_read(c, path, false, why);
}

static void all_keys(void **state)
{
	struct node_conf c;
	char buf[ADDR_TEXT];

	(void)state;
	assert_int_equal(
		read_text(&c,
			  "loglevel = debug\n"
			  "[Node]\nState = /s\nSocket = /c\nTun = t0\n"
			  "Workers = 3\nAead = sodium\nTCPPort = 443\n"
			  "[Interface]\nPrivateKey = " KEY_A "\n"
			  "ListenPort = 51820\nMTU = 1280\nFwMark = 0x20\n"
			  "Address = 10.0.0.1/24, fd00::1/64\n"
			  "[Peer]\nPublicKey = " KEY_B "\n"
			  "PresharedKey = " KEY_A "\n"
			  "AllowedIPs = 10.0.0.2/32\n"
			  "AllowedIPs = fd00::2/128, 192.0.2.0/24\n"
			  "Endpoint = 192.0.2.7:51820\n"
			  "PersistentKeepalive = 25\n"
			  "[Peer]\npublickey = " KEY_A "\n"
			  "PersistentKeepalive = off\n"),
		0);
	assert_string_equal(c.state, "/s");
	assert_string_equal(c.socket, "/c");
	assert_string_equal(c.tun, "t0");
	assert_string_equal(c.aead, "sodium");
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c.workers, 3);
	assert_int_equal(c.tcp_port, 443);
	assert_int_equal(c.port, 51820);
	assert_int_equal(c.mtu, 1280);
	assert_int_equal(c.mark, 0x20);
	assert_true(c.have_private);
	assert_int_equal(c.address_count, 2);
	assert_string_equal(ipaddr_text(&c.address_ips[0], buf), "10.0.0.1");
	assert_string_equal(prefix_text(&c.addresses[1], buf), "fd00::/64");
	assert_int_equal(c.peer_count, 2);
	assert_int_equal(c.peers[0].allowed_count, 3);
	assert_int_equal(c.peers[0].keepalive_s, 25);
	assert_int_equal(c.peers[0].at.port, 51820);
	assert_int_equal(c.peers[0].psk.b[0], 0xc8);
	assert_int_equal(c.peers[1].keepalive_s, 0);
	node_conf_done(&c);
	assert_false(c.have_private);
	assert_null(c.peers);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *at, *part;
	} rows[] = {
		{ "\nListnPort = 1\n", ":2: ", "ListenPort" },
		{ "Qqqqqqqqqq = 1\n", ":1: ", "unknown key" },
		{ "[Pear]\n", ":1: ", "[Peer]" },
		{ "[Peer]\nMTU = 1400\n", ":2: ", "allowed is [Interface]" },
		{ "AllowedIPs = ::/0\n", ":1: ", "allowed is [Peer]" },
		{ "MTU = 100\n", ":1: MTU: ", "1280 to 9000" },
		{ "TCPPort = on\n", ":1: TCPPort: ", "auto, off" },
		{ "TCPPort = 65536\n", ":1: TCPPort: ", "1 to 65535" },
		{ "Tun = a/b\n", ":1: Tun: ", "letters" },
		{ "Domain = lan\n", ":1: Domain: ", "two or more" },
		{ "Domain = a..b\n", ":1: Domain: ", "two or more" },
		{ "Domain = a.b-\n", ":1: Domain: ", "two or more" },
		{ "Domain = A.b\n", ":1: Domain: ", "a-z" },
		{ "Tun = 0123456789012345\n", ":1: Tun: ", "1 to 15" },
		{ "State =\n", ":1: State: ", "empty" },
		{ "LogLevel = loud\n", ":1: LogLevel: ", "warn" },
		{ "ListenPort = 70000\n", ":1: ", "65535" },
		{ "PrivateKey = abc\n", ":1: ", "base64" },
		{ "Address = 1.2.3.4/40\n", ":1: ", "10.0.0.1/24" },
		{ "Address = 1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5\n",
		  ":1: ", "allowed are 4" },
		{ "\n[Peer]\nEndpoint = 192.0.2.1:1\n", ":2: ", "PublicKey" },
		{ "[Peer]\n[Peer]\n", ":1: ", "PublicKey" },
		{ "[Peer]\nPublicKey = " KEY_A "\n[Peer]\nPublicKey = " KEY_A,
		  ":3: ", "same" },
		{ "[Peer]\nEndpoint = host:1\n", ":2: ", "not a name" },
		{ "word\n", ":1: ", "neither" },
	};
	struct node_conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(read_text(&c, rows[i].text), -EINVAL);
		assert_non_null(strstr(why, rows[i].at));
		assert_non_null(strstr(why, rows[i].part));
		assert_non_null(strstr(why, "; allowed "));
		assert_int_equal(strncmp(why, path, strlen(path)), 0);
		node_conf_done(&c);
	}
}

static void drop_ins_win(void **state)
{
	struct node_conf c;

	(void)state;
	put(drop_in, "MTU = 1300\n[Peer]\nPublicKey = " KEY_B "\n", 0644);
	assert_int_equal(read_text(&c, "MTU = 1500\nTun = a\n"), 0);
	assert_int_equal(c.mtu, 1300);
	assert_string_equal(c.tun, "a");
	assert_int_equal(c.peer_count, 1);
	node_conf_done(&c);
	put(drop_in, "\nMTU = x\n", 0644);
	assert_int_equal(read_text(&c, ""), -EINVAL);
	assert_non_null(strstr(why, "[a].conf.d/10.conf:2: "));
	node_conf_done(&c);
	unlink(drop_in);
}

static void secrets_are_private(void **state)
{
	struct node_conf c;

	(void)state;
	put(path, "\nPrivateKey = " KEY_A "\n", 0640);
	node_conf_defaults(&c);
	assert_int_equal(node_conf_read(&c, path, false, why), -EPERM);
	assert_non_null(strstr(why, "[a].conf:2: "));
	assert_non_null(strstr(why, "chmod 600 "));
	assert_false(c.have_private);
	assert_null(strstr(why, "yAnz"));
	put(path, "MTU = 1400\n", 0644); /* no secret: anybody may read it */
	assert_int_equal(node_conf_read(&c, path, false, why), 0);
	node_conf_done(&c);
}

static void missing_files(void **state)
{
	struct node_conf c;

	(void)state;
	unlink(path);
	node_conf_defaults(&c);
	assert_int_equal(node_conf_read(&c, path, true, why), 0);
	assert_int_equal(node_conf_read(&c, path, false, why), -ENOENT);
	assert_non_null(strstr(why, "[a].conf"));
	assert_int_equal(node_conf_read(&c, folder, true, why), -EINVAL);
	assert_string_equal(c.tun, "adit0");
	assert_int_equal(c.mtu, 1400);
	node_conf_done(&c);
}

static void flags(void **state)
{
	struct node_conf c;
	const char *no;

	(void)state;
	node_conf_defaults(&c);
	assert_null(node_conf_set(&c, "ListenPort", "5"));
	assert_null(node_conf_set(&c, "loglevel", "warn"));
	assert_int_equal(c.port, 5);
	assert_int_equal(c.log_level, LOG_LEVEL_WARN);
	no = node_conf_set(&c, "ListenPort", "x\ny");
	assert_string_equal(no, "ListenPort: 'x?y' is no number in bounds; "
				"allowed is 0 to 65535");
	assert_non_null(node_conf_set(&c, "PublicKey", KEY_A));
	assert_non_null(node_conf_set(&c, "", ""));
	node_conf_done(&c);
}

static void many_peers(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
	const size_t room = (size_t)NODE_CONF_PEERS_MAX * 80 + 80;
	char *text = malloc(room), line[32];
	struct node_conf c;
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < NODE_CONF_PEERS_MAX; i++)
		n += (size_t)snprintf(text + n, room - n,
				      "[Peer]\nPublicKey = A%c%c%c"
				      "A5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
				      "\n", digits[i / 1024], digits[i / 32 % 32],
				      digits[i % 32]);
	assert_int_equal(read_text(&c, text), 0);
	assert_int_equal(c.peer_count, NODE_CONF_PEERS_MAX);
	node_conf_done(&c);
	snprintf(text + n, room - n, "[Peer]\n");
	assert_int_equal(read_text(&c, text), -EINVAL);
	snprintf(line, sizeof(line), ":%d: too many",
		 2 * NODE_CONF_PEERS_MAX + 1);
	assert_non_null(strstr(why, line));
	node_conf_done(&c);
	free(text);
}

/* What --print-config writes is a file again, and holds no secret. */
static void print_and_read(void **state)
{
	struct node_conf c, again;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	assert_int_equal(read_text(&c, "PrivateKey = " KEY_A "\n"
				       "Address = 10.0.0.1/24\n"
				       "[Peer]\nPublicKey = " KEY_B "\n"
				       "AllowedIPs = 10.0.0.0/24, ::/0\n"
				       "Endpoint = [2001:db8::1]:9\n"),
			 0);
	node_conf_print(&c, f);
	fclose(f);
	assert_null(strstr(text, "yAnz"));
	assert_int_equal(read_text(&again, text), 0);
	assert_int_equal(again.address_count, 1);
	assert_int_equal(again.peers[0].allowed_count, 2);
	assert_true(endpoint_eq(&again.peers[0].at, &c.peers[0].at));
	assert_string_equal(again.state, c.state);
	free(text);
	node_conf_done(&c);
	node_conf_done(&again);
}

static void examples_are_taken(void **state)
{
	static const char *const names[] = { "aditd.conf",
					     "aditd-wireguard.conf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct node_conf c;
		char *text, from[512];
		size_t n;

		snprintf(from, sizeof(from), "%s/%s", getenv("ADIT_EXAMPLES"),
			 names[i]);
		assert_int_equal(file_read(from, 1 << 16, &text, &n), 0);
		assert_int_equal(read_text(&c, text), 0);
		assert_int_equal(c.peer_count, i);
		node_conf_done(&c);
		free(text);
	}
}

/* aditd.conf(5) says what the table says. */
static void manual_agrees(void **state)
{
	char *page, *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	node_conf_manual(f);
	fclose(f);
	assert_int_equal(file_read(getenv("ADIT_MANUAL"), 1 << 20, &page, &n),
			 0);
	assert_non_null(strstr(page, text));
	free(page);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys),
		cmocka_unit_test(refusals),
		cmocka_unit_test(drop_ins_win),
		cmocka_unit_test(secrets_are_private),
		cmocka_unit_test(missing_files),
		cmocka_unit_test(flags),
		cmocka_unit_test(many_peers),
		cmocka_unit_test(print_and_read),
		cmocka_unit_test(examples_are_taken),
		cmocka_unit_test(manual_agrees),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
