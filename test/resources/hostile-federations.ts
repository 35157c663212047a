import { federation, withHost, withNode, withService } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import { hostileTexts } from "./hostile-texts.ts";
import { invalid, tooLong } from "./refusals.ts";

/** Every field that takes a name or an address, with a text that belongs to none. */
export const hostileFederations: readonly InvalidCase[] = hostileTexts.flatMap((text, index) =>
	(
		[
			["spec.domain", federation({ domain: text }), 253],
			["spec.additionalDomains[0]", federation({ additionalDomains: [text] }), 253],
			["spec.upstream.host", withHost(text), 253],
			["spec.nodes[0].name", withNode({ name: text }), 40],
			["spec.nodes[0].priorityClassName", withNode({ priorityClassName: text }), 253],
			["spec.security.certificate.secretName", federation({ security: { certificate: { secretName: text } } }), 253],
			[
				"spec.security.dialback.secretRef.name",
				federation({ security: { dialback: { secretRef: { name: text } } } }),
				253,
			],
			["spec.service.hostname", withService({ hostname: text }), 253],
			["spec.service.loadBalancerClass", withService({ loadBalancerClass: text }), 317],
			["spec.service.sourceRanges[0]", withService({ sourceRanges: [text] }), 43],
			["spec.image", federation({ image: text }), 512],
		] as const
	).map(([field, resource, most]) =>
		invalid(`hostile text ${index} in ${field}`, resource, field, text.length > most ? tooLong(most) : "must be "),
	),
);
