import { isIP, isIPv6 } from "node:net";
import type { HostPort, ResolverIntent } from "../model/intent.ts";

/** Ports that the resolver listens on; 53 would need a privilege. */
export const resolverPorts = { dns: 5353, health: 8080, ready: 8181 } as const;

/** Seconds that the answers made here may be kept. */
const TTL = 30;
/** Names for addresses, because the target of an SRV record must be a name (RFC 2782). */
const ADDRESS_ZONE = "address.xmppfed.internal";

/**
 * The Corefile (CoreDNS) of a resolver: every `_xmpp-server._tcp` SRV question is answered with the router, but for the
 * local domains with their internal server; everything else goes to the DNS of the pod.
 *
 * `_xmpps-server` (direct TLS, XEP-0368) has no records: a server that prefers it must fall back to `_xmpp-server`, and
 * the router speaks STARTTLS only.
 *
 * @throws {Error} for a host or domain that is no DNS name and no IP address.
 */
export function resolverConfiguration(resolver: ResolverIntent): string {
	const targets = [resolver.router, ...resolver.local.map(({ upstream }) => upstream)];
	const addresses = [...new Set(targets.map(({ host }) => host).filter((host) => isIP(host) !== 0))];
	return [
		`.:${resolverPorts.dns} {`,
		"    errors",
		`    health :${resolverPorts.health}`,
		`    ready :${resolverPorts.ready}`,
		"",
		"    # Local domains: their internal server",
		...resolver.local.flatMap(({ domain, upstream }) => [
			`    template IN SRV _xmpp-server._tcp.${dnsName(domain)} {`,
			`        answer "${srv(upstream)}"`,
			"    }",
		]),
		"",
		"    # Every other domain: the router",
		"    template IN SRV . {",
		'        match "(?i)^_xmpp-server[.]_tcp[.]"',
		`        answer "${srv(resolver.router)}"`,
		"        fallthrough",
		"    }",
		"",
		"    # Nothing else at these names, and no direct TLS",
		"    template IN ANY . {",
		'        match "(?i)^_xmpps?-server[.]_tcp[.]"',
		"        rcode NOERROR",
		`        authority "{{ .Name }} ${TTL} IN SOA resolver.xmppfed.internal. none.xmppfed.internal. 1 3600 600 86400 ${TTL}"`,
		"        fallthrough",
		"    }",
		...(addresses.length === 0 ? [] : ["", "    # Names of targets that are given as addresses"]),
		...addresses.flatMap((address) => addressTemplate(address)),
		"",
		"    forward . /etc/resolv.conf",
		"}",
		"",
	].join("\n");
}

function srv(target: HostPort): string {
	const name = isIP(target.host) === 0 ? dnsName(target.host) : addressName(target.host);
	return `{{ .Name }} ${TTL} IN SRV 0 0 ${target.port} ${name}.`;
}

function addressTemplate(address: string): string[] {
	const type = isIPv6(address) ? "AAAA" : "A";
	return [
		`    template IN ${type} ${addressName(address)} {`,
		`        answer "{{ .Name }} ${TTL} IN ${type} ${address}"`,
		"    }",
		`    template IN ANY ${addressName(address)} {`,
		"        rcode NOERROR",
		`        authority "{{ .Zone }} ${TTL} IN SOA resolver.xmppfed.internal. none.xmppfed.internal. 1 3600 600 86400 ${TTL}"`,
		"    }",
	];
}

/** `10.0.0.5` is 10-0-0-5, `fd00::5` is v6-fd00--5-v6: a label neither begins nor ends with a hyphen. */
function addressName(address: string): string {
	return isIPv6(address)
		? `v6-${address.toLowerCase().replaceAll(/[:.]/g, "-")}-v6.${ADDRESS_ZONE}`
		: `${address.replaceAll(".", "-")}.${ADDRESS_ZONE}`;
}

/** The name itself: it goes into a file with a syntax of its own, so nothing but letters of a DNS name may be in it. */
function dnsName(name: string): string {
	if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?([.][a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(name)) {
		throw new Error(`${JSON.stringify(name)} is no DNS name: it must be labels of letters, digits and hyphens`);
	}
	return name;
}
