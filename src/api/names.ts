import { z } from "zod";
import { isGlobalUnicast, isNetwork, parseIp } from "./addresses.ts";
import { celString, matching, ruled } from "./rules.ts";
import { text } from "./text.ts";

const label = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?";
/** The last label starts with a letter, so that neither an IPv4 address nor a mistyped one ("192.0.2.300") is a name. */
const dnsNamePattern = `^(${label}\\.)+[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$`;
const dnsName = new RegExp(dnsNamePattern);
const lowerLabel = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const lowerSubdomain = `${lowerLabel}(\\.${lowerLabel})*`;
/** The base of a wildcard may be a top-level domain. */
const domainPatternPattern = `^([*]\\.(${lowerLabel}\\.)*|(${lowerLabel}\\.)+)[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`;
/** A label in any script. */
const anyLabel = "[\\p{L}\\p{M}\\p{N}]([-\\p{L}\\p{M}\\p{N}]{0,61}[\\p{L}\\p{M}\\p{N}])?";
const writtenPatternPattern = `^([*]\\.(${anyLabel}\\.)*|(${anyLabel}\\.)+)\\p{L}([-\\p{L}\\p{M}\\p{N}]{0,61}[\\p{L}\\p{M}\\p{N}])?$`;
const qualifiedNamePart = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
const qualifiedNamePattern = `^(${lowerSubdomain}/)?${qualifiedNamePart}$`;
const qualifiedNameExpression = new RegExp(qualifiedNamePattern);
const qualifiedNameForm =
	"must be a name such as example.com/name: an optional DNS prefix in lower case and '/', then at most 63 letters, " +
	"digits, '-', '_' and '.', with a letter or digit at both ends";

/**
 * An XMPP domain (RFC 7622 domainpart). ASCII only: CEL cannot convert internationalized names, so only with A-labels
 * ("xn--...") can admission see that two spellings are one domain; they are also what SRV records and certificates
 * hold. Upper and lower case are the same; the model lower-cases.
 */
export const domainName = ruled(
	text(253, 1),
	matching(
		dnsNamePattern,
		"must be a domain such as example.com: two or more labels of letters, digits and hyphens, joined by dots; " +
			"no address, port, '@', '/' or dot at the end; write an internationalized label in its xn-- form",
	),
);

/**
 * Domains of peers: one (`example.com`), or one with everything below it (`*.example.com`). In lower case only: the API
 * server tells entries of a list apart by their exact text, so this is what keeps a domain from standing twice.
 */
export const domainPattern = ruled(
	text(255, 1),
	matching(
		domainPatternPattern,
		"must be a domain such as example.com, or *.example.com for it and every domain below it, in lower case; no " +
			"address, port, '@', '/' or dot at the end; write an internationalized label in its xn-- form",
	),
);

/**
 * The same as people write it: in any case, with internationalized labels in Unicode or in their xn-- form. What domain
 * that is, and whether it is one at all, is for the model to say (`readPattern`): CEL knows no IDNA, and to compare 2,000
 * domains without regard to case is over the cost that it may have.
 */
export const writtenDomainPattern = ruled(
	text(255, 1),
	matching(
		writtenPatternPattern,
		"must be a domain such as example.com, or *.example.com for it and every domain below it: labels of letters, digits " +
			"and hyphens, joined by dots; no address, port, '@', '/' or dot at the end",
	),
);

const domainPatternExpression = new RegExp(domainPatternPattern);

/** The same of a text by itself, for lists of 100,000. */
export function isDomainPattern(value: string): boolean {
	return value.length <= 255 && domainPatternExpression.test(value);
}

/** A host that peers are told in an SRV record, whose target must not be an address (RFC 2782, R8). */
export const hostName = ruled(
	text(253, 1),
	matching(
		dnsNamePattern,
		"must be a host name such as xmpp.example.com: the target of an SRV record is a name, never an address; " +
			"no port, no dot at the end",
	),
);

/** A host that the gateway connects to: a full name, or an address of another machine. */
export const host = ruled(text(253, 1), {
	cel: `isIP(self) ? ip(self).isGlobalUnicast() : self.matches(${celString(dnsNamePattern)})`,
	holds: (value) => {
		const address = parseIp(value);
		return address === undefined ? dnsName.test(value) : isGlobalUnicast(address);
	},
	message:
		"must be a full host name such as xmpp.example.com or xmpp.chat.svc (with a dot inside, none at the end, " +
		"no port), or the IP address of another machine (not loopback, link-local or multicast)",
});

export const port = z.int().min(1).max(65_535);

/** An address block that may connect. */
export const network = ruled(text(43, 1), {
	cel: "isCIDR(self) && cidr(self) == cidr(self).masked()",
	holds: isNetwork,
	message:
		"must be an address block such as 192.0.2.0/24 or 2001:db8::/32, with no bit set behind the prefix length " +
		"(for one address: 192.0.2.7/32)",
});

/** A DNS label in lower case (RFC 1123). `max` is at most 63. */
export function dnsLabel(max: number): z.ZodString {
	return ruled(
		text(max, 1),
		matching(
			"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
			"must be a name such as gw-1: lower case letters, digits and hyphens, with a letter or digit at both ends",
		),
	);
}

/**
 * metadata.name. Names of Services are made from it (so it starts with a letter: RFC 1035 label, 63 characters with what
 * is appended) and it is the value of a label.
 */
export const resourceName = ruled(
	text(40, 1),
	matching(
		"^[a-z]([-a-z0-9]*[a-z0-9])?$",
		"must be a name such as example-com, as names of Services are made from it: at most 40 lower case letters, " +
			"digits and hyphens, with a letter first and no hyphen last",
	),
);

/** The name of another object, such as a Secret (RFC 1123 subdomain). */
export const objectName = ruled(
	text(253, 1),
	matching(
		`^${lowerSubdomain}$`,
		"must be the name of an object: lower case letters, digits, hyphens and dots, with a letter or digit at both ends",
	),
);

/** A DNS name in lower case, such as the group of an API (RFC 1123 subdomain). */
export const subdomain = ruled(
	text(253, 1),
	matching(
		`^${lowerSubdomain}$`,
		"must be a name such as cert-manager.io: lower case letters, digits, hyphens and dots, with a letter or digit at both ends",
	),
);

/** A key of a ConfigMap or Secret. */
export const dataKey = ruled(
	text(253, 1),
	matching(
		"^([-_a-zA-Z0-9][-._a-zA-Z0-9]*|[.][-_a-zA-Z0-9][-._a-zA-Z0-9]*)$",
		"must be a key such as ca.crt: letters, digits, '-', '_' and '.', but neither '.' nor one that starts with '..'",
	),
);

/** The key of a label, annotation or taint, or the name of a load balancer class: prefix 253, '/', name 63. */
export const qualifiedName = ruled(text(317, 1), matching(qualifiedNamePattern, qualifiedNameForm));

/** The value of a label, also of a taint. May be empty. */
export const labelValue = ruled(
	text(63),
	matching(
		`^(${qualifiedNamePart})?$`,
		"must be the value of a label: at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends",
	),
);

/** Labels or annotations: at most 64 of them, each key a qualified name. */
export function keyed(value: z.ZodString): z.ZodRecord<z.ZodString, z.ZodString> {
	return ruled(
		z
			.record(z.string(), value)
			.refine((map) => Object.keys(map).length <= 64, { message: "must have at most 64 entries", abort: true })
			.meta({ maxProperties: 64 }),
		{
			cel: `self.all(key, key.matches(${celString(qualifiedNamePattern)}))`,
			holds: (map) => Object.keys(map).every((key) => qualifiedNameExpression.test(key)),
			message: `every key ${qualifiedNameForm}`,
		},
	);
}
