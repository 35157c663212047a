interface Named {
	readonly spec: { readonly domain: string; readonly additionalDomains?: readonly string[] | undefined };
}

/** Domains in lower case, `spec.domain` first, each once. */
export function localDomains({ spec }: Named): readonly string[] {
	return [...new Set([spec.domain, ...(spec.additionalDomains ?? [])].map((domain) => domain.toLowerCase()))];
}

/** All that peers know the federation by, its aliases last: its certificate must have these names. */
export function publicDomains(
	local: readonly string[],
	aliases: readonly { readonly domain: string }[] = [],
): readonly string[] {
	return [...local, ...aliases.map(({ domain }) => domain)];
}
