import { federation, longName, upstream, withBounds, withHost } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import {
	invalid,
	missing,
	notADomain,
	notAHost,
	notAnObject,
	notOf,
	notOneOf,
	tooLong,
	tooMany,
	tooShort,
} from "./refusals.ts";

/** Wrong in what concerns the federation as a whole. */
export const invalidFederations: readonly InvalidCase[] = [
	invalid("name with a dot", federation({}, "example.com"), "metadata.name", "must be a name such as example-com"),
	invalid("name that starts with a digit", federation({}, "1a"), "metadata.name", "with a letter first"),
	invalid("name of 41 characters", federation({}, "a".repeat(41)), "metadata.name", tooLong(40)),

	invalid("default policy: another word", federation({ defaultPolicy: "allow" }), "spec.defaultPolicy", notOneOf),
	invalid("no domain", federation({ domain: undefined }), "spec.domain", missing),
	invalid("domain: empty", federation({ domain: "" }), "spec.domain", tooShort(253)),
	invalid("domain: one label", federation({ domain: "example" }), "spec.domain", notADomain),
	invalid("domain: dot at the end", federation({ domain: "example.com." }), "spec.domain", notADomain),
	invalid("domain: two dots", federation({ domain: "example..com" }), "spec.domain", notADomain),
	invalid("domain: IPv4 address", federation({ domain: "192.0.2.1" }), "spec.domain", notADomain),
	invalid("domain: IPv6 address", federation({ domain: "2001:db8::1" }), "spec.domain", notADomain),
	invalid("domain: bare JID", federation({ domain: "user@example.com" }), "spec.domain", notADomain),
	invalid("domain: with resource", federation({ domain: "example.com/x" }), "spec.domain", notADomain),
	invalid("domain: with port", federation({ domain: "example.com:5269" }), "spec.domain", notADomain),
	invalid("domain: wildcard", federation({ domain: "*.example.com" }), "spec.domain", notADomain),
	invalid("domain: underscore", federation({ domain: "a_b.example.com" }), "spec.domain", notADomain),
	invalid("domain: hyphen first", federation({ domain: "-a.example.com" }), "spec.domain", notADomain),
	invalid("domain: hyphen last", federation({ domain: "a-.example.com" }), "spec.domain", notADomain),
	invalid("domain: digits last", federation({ domain: "example.123" }), "spec.domain", notADomain),
	invalid("domain: Unicode", federation({ domain: "bücher.example" }), "spec.domain", "in its xn-- form"),
	invalid(
		"domain: label of 64 characters",
		federation({ domain: `${"a".repeat(64)}.example` }),
		"spec.domain",
		notADomain,
	),
	invalid("domain: 254 characters", federation({ domain: longName(254) }), "spec.domain", tooLong(253)),
	invalid("domain: number", federation({ domain: 5 }), "spec.domain", notOf("string")),

	invalid(
		"additional domain: one label",
		federation({ additionalDomains: ["a"] }),
		"spec.additionalDomains[0]",
		notADomain,
	),
	invalid(
		"additional domain: the domain",
		federation({ additionalDomains: ["a.example", "Example.COM"] }),
		"spec.additionalDomains",
		"spec.domain is one of the domains already",
	),
	invalid(
		"additional domains: two that differ by case",
		federation({ additionalDomains: ["a.example", "A.example"] }),
		"spec.additionalDomains",
		"has a domain twice",
	),
	invalid(
		"additional domains: one twice",
		federation({ additionalDomains: ["a.example", "a.example"] }),
		"spec.additionalDomains[1]",
		{
			zod: "stands here a second time",
			apiserver: "Duplicate value",
		},
	),
	invalid(
		"additional domains: 33",
		federation({ additionalDomains: Array.from({ length: 33 }, (_, i) => `a${i}.example`) }),
		"spec.additionalDomains",
		tooMany(32),
	),

	invalid("no upstream", federation({ upstream: undefined }), "spec.upstream", missing),
	invalid("upstream: no host", federation({ upstream: {} }), "spec.upstream.host", missing),
	invalid("upstream: text", federation({ upstream: "xmpp.chat.svc" }), "spec.upstream", notOf("object")),
	invalid("upstream: one label", withHost("localhost"), "spec.upstream.host", notAHost),
	invalid("upstream: host and port", withHost("xmpp.chat.svc:5269"), "spec.upstream.host", notAHost),
	invalid("upstream: URL", withHost("xmpp://xmpp.chat.svc"), "spec.upstream.host", notAHost),
	invalid("upstream: dot at the end", withHost("xmpp.chat.svc."), "spec.upstream.host", notAHost),
	invalid("upstream: address out of range", withHost("10.0.0.300"), "spec.upstream.host", notAHost),
	invalid("upstream: address with leading zero", withHost("10.0.0.01"), "spec.upstream.host", notAHost),
	invalid("upstream: IPv6 in brackets", withHost("[2001:db8::1]"), "spec.upstream.host", notAHost),
	invalid("upstream: IPv4 in IPv6", withHost("::ffff:10.0.0.1"), "spec.upstream.host", notAHost),
	...[
		"127.0.0.1",
		"0.0.0.0",
		"::1",
		"::",
		"169.254.1.1",
		"fe80::1",
		"fe80::1%eth0",
		"224.0.0.1",
		"ff02::1",
		"255.255.255.255",
	].map((host) => invalid(`upstream: ${host}`, withHost(host), "spec.upstream.host", "of another machine")),
	invalid("upstream: port 0", federation({ upstream: { ...upstream, port: 0 } }), "spec.upstream.port", {
		zod: ">=1",
		apiserver: "greater than or equal to 1",
	}),
	invalid("upstream: port 65536", federation({ upstream: { ...upstream, port: 65_536 } }), "spec.upstream.port", {
		zod: "<=65535",
		apiserver: "less than or equal to 65535",
	}),
	invalid("upstream: port in quotes", federation({ upstream: { ...upstream, port: "5269" } }), "spec.upstream.port", {
		zod: "expected number",
		apiserver: "must be of type integer",
	}),
	invalid("upstream: half a port", federation({ upstream: { ...upstream, port: 5269.5 } }), "spec.upstream.port", {
		zod: "expected int",
		apiserver: "must be of type integer",
	}),

	invalid("security: text", federation({ security: "high" }), "spec.security", notOf("object")),
	invalid(
		"dialback: text",
		federation({ security: { dialback: "secret" } }),
		"spec.security.dialback",
		notOf("object"),
	),
	invalid(
		"dialback: no name",
		federation({ security: { dialback: { secretRef: {} } } }),
		"spec.security.dialback.secretRef.name",
		missing,
	),
	invalid(
		"dialback: upper case",
		federation({ security: { dialback: { secretRef: { name: "A" } } } }),
		"spec.security.dialback.secretRef.name",
		notAnObject,
	),

	invalid("resolver: true", federation({ resolver: true }), "spec.resolver", notOf("object")),
	invalid("resolver: text", federation({ resolver: { enabled: "yes" } }), "spec.resolver.enabled", notOf("boolean")),
	invalid("rollout: text", federation({ rollout: "Live" }), "spec.rollout", notOf("object")),
	invalid("drain: 0", federation({ rollout: { drainSeconds: 0 } }), "spec.rollout.drainSeconds", {
		zod: ">=1",
		apiserver: "greater than or equal to 1",
	}),
	invalid("drain: 601", federation({ rollout: { drainSeconds: 601 } }), "spec.rollout.drainSeconds", {
		zod: "<=600",
		apiserver: "less than or equal to 600",
	}),
	invalid("drain: half a second", federation({ rollout: { drainSeconds: 0.5 } }), "spec.rollout.drainSeconds", {
		zod: "expected int",
		apiserver: "must be of type integer",
	}),
	invalid(
		"drain: text",
		federation({ rollout: { drainSeconds: "30s" } }),
		"spec.rollout.drainSeconds",
		notOf("number", "integer"),
	),
	...Object.entries({
		stanzaBytes: [9_999, 1_048_577],
		stanzasPerSecond: [0, 100_001],
		streamsPerMinute: [0, 10_001],
		incomingStreams: [9, 10_001],
		outgoingStreams: [9, 10_001],
		unauthenticatedStreams: [9, 10_001],
		unauthenticatedStreamsPerAddress: [0, 10_001],
		handshakeSeconds: [4, 301],
		idleSeconds: [59, 86_401],
	} as const).flatMap(([field, [low, high]]) => [
		invalid(`limits.${field}: ${low}`, withBounds({ [field]: low }), `spec.limits.${field}`, {
			zod: `>=${low + 1}`,
			apiserver: `greater than or equal to ${low + 1}`,
		}),
		invalid(`limits.${field}: ${high}`, withBounds({ [field]: high }), `spec.limits.${field}`, {
			zod: `<=${high - 1}`,
			apiserver: `less than or equal to ${high - 1}`,
		}),
	]),
	invalid("limits: a list", federation({ limits: [] }), "spec.limits", notOf("object")),
	invalid(
		"limits: more unauthenticated streams of one address than of all",
		withBounds({ unauthenticatedStreamsPerAddress: 101, unauthenticatedStreams: 100 }),
		"spec.limits.unauthenticatedStreamsPerAddress",
		"one address cannot have more than all together",
	),
	invalid(
		"limits: more unauthenticated streams than incoming ones",
		withBounds({ unauthenticatedStreams: 101, incomingStreams: 100 }),
		"spec.limits.unauthenticatedStreams",
		"it must be at most incomingStreams",
	),
	...["", "Gateway", "a:b:c", "a/b@sha256:0", "/a", "a/", "a b", "https://example.com/a"].map((image) =>
		invalid(
			`image: "${image}"`,
			federation({ image }),
			"spec.image",
			image === "" ? tooShort(512) : "must be the name of an image such as",
		),
	),
];
