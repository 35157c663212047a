/** Whether `npm run test:long` runs: whole matrices, more repetitions, soaks. */
export const isLong = process.env["XMPPFED_TEST_SCALE"] === "long";

/** Of a count or a list that both runs have: the representative part for `npm test`, the whole for `npm run test:long`. */
export function scaled<T>(part: T, whole: T): T {
	return isLong ? whole : part;
}
