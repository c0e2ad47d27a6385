/* SPDX-License-Identifier: MIT
 *
 * replay.c - runs a fuzz harness over its seeds without libFuzzer
 *
 * Each seed as it is, cut at every length, and with every octet changed in three ways:
 * deterministic, so that a failure comes again. Every input lies in a block of exactly
 * its size, so that a sanitizer sees the first octet read beyond it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEED_MAX = 65536,
	MUTATE_MAX = 1024, /* octets of a seed that are cut and changed */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		exit(2);
	memcpy(exact, data, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static void mutate(uint8_t *data, size_t size)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	size_t most = size < MUTATE_MAX ? size : MUTATE_MAX;

	run(data, size);
	for (size_t i = 0; i < most; i++)
		run(data, i);
	for (size_t i = 0; i < most; i++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			data[i] ^= flips[k];
			run(data, size);
			data[i] ^= flips[k];
		}
	}
}

static int replay(const char *dir, const char *name)
{
	static uint8_t data[SEED_MAX];
	char path[4096];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 0;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	mutate(data, size);
	return 1;
}

int main(int argc, char **argv)
{
	const char *path = argc == 2 ? argv[1] : ".";
	struct dirent *e;
	int seeds = 0;
	DIR *d;

	d = opendir(path);
	if (!d) {
		perror(path);
		return 1;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			seeds += replay(path, e->d_name);
	closedir(d);
	printf("%d seeds of %s\n", seeds, path);
	return seeds > 0 ? 0 : 1;
}
