/* SPDX-License-Identifier: MIT
 *
 * main.c - nothing: what counts is that the folder linked whole beside it links
 */
int main(void)
{
	return 0;
}
