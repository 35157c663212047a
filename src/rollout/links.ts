/** What a router says of one link. */
export interface LinkView {
	readonly domain: string;
	/** Where it leads. */
	readonly address: string;
	readonly up: boolean;
}

/**
 * Names of the nodes to one of whose addresses every domain has a link that is up. By address, because a link to the pod
 * that a node had before says nothing about the one that it has now.
 *
 * @param addresses of the newest pod of each Enabled node
 */
export function linkedNodes(
	links: readonly LinkView[],
	addresses: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
	const domains = [...new Set(links.map(({ domain }) => domain))];
	const up = new Set(links.filter((link) => link.up).map(({ domain, address }) => `${domain}@${address}`));
	return [...addresses]
		.filter(
			([, own]) =>
				domains.length > 0 && domains.every((domain) => own.some((address) => up.has(`${domain}@${address}`))),
		)
		.map(([name]) => name);
}
