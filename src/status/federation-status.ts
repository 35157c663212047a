import type { Condition } from "../api/conditions.ts";
import { defaults as fieldDefaults } from "../api/defaults.ts";
import { defaultSecurity } from "../model/peer-security.ts";
import { isTakingOver } from "../rollout/live.ts";
import { type Progress, progress } from "../rollout/progress.ts";
import { accepted } from "./accepted.ts";
import { certificateValid } from "./certificate-valid.ts";
import { condition } from "./condition.ts";
import { degraded } from "./degraded.ts";
import { dnsPublished } from "./dns-published.ts";
import { dnsRecords } from "./dns-records.ts";
import { emailAddressesInForce, emailAddressesStatus } from "./email-addresses-in-force.ts";
import { endpoints } from "./endpoints.ts";
import type { FederationObservation } from "./federation-observation.ts";
import { nodeStates } from "./nodes.ts";
import { progressing } from "./progressing.ts";
import { ready } from "./ready.ts";
import { settingsConsistent } from "./settings-consistent.ts";

const verdicts = {
	Accepted: accepted,
	Ready: ready,
	Progressing: progressing,
	Degraded: degraded,
	CertificateValid: certificateValid,
	SettingsConsistent: settingsConsistent,
	DNSPublished: dnsPublished,
	EmailAddressesInForce: emailAddressesInForce,
} as const;

export const conditionTypes: readonly string[] = Object.keys(verdicts);

export interface PreviousStatus extends Progress {
	readonly conditions?: readonly Condition[] | undefined;
	readonly effective?: object | undefined;
	readonly policy?: string | undefined;
}

/**
 * How many nodes the API takes (src/api/xmpp-federation-status.ts): as many as a resource may have, and as many that are
 * to go. A status that is refused would hold up the whole roll-out.
 */
const nodeLimit = 64;

/** The whole status of an XmppFederation. Equal observations give equal statuses: no time of its own is in it. */
export function federationStatus(observation: FederationObservation, previous: PreviousStatus, now: Date) {
	const { generation, intent } = observation;
	const nodes = nodeStates(observation).slice(0, nodeLimit);
	const before = previous.conditions ?? [];
	return {
		observedGeneration: generation,
		conditions: Object.entries(verdicts).flatMap(([type, verdict]) => {
			const earlier = before.find((entry) => entry.type === type);
			// Before an act nobody knows yet what will hinder it: the last word on that stands, with the generation that it
			// was said of. With the new one, a reader would take it for the outcome.
			const isOpen = observation.acting && (type === "Ready" || type === "Degraded");
			if (isOpen && earlier) return earlier;
			const found = verdict(observation, earlier);
			return found ? condition(type, found, generation, before, now) : [];
		}),
		readyNodes: `${nodes.filter((node) => node.ready).length}/${nodes.length}`,
		enabledNodes: nodes.filter((node) => node.federation === "Enabled").length,
		// While nothing can be modelled, what is in force is what was.
		...(intent ? { policy: policyText(intent) } : previous.policy !== undefined && { policy: previous.policy }),
		nodes,
		...emailAddressesStatus(observation),
		...progressOf(observation, previous, now),
		dnsRecords: dnsRecords(observation),
		endpoints: endpoints(observation),
		...(intent
			? { effective: effective(observation, intent) }
			: previous.effective && { effective: previous.effective }),
	};
}

/** For the column: `partners (Deny, Audit)`; `Allow` or `Deny` where there is no FederationPolicy. */
function policyText({ policyName, nodes: [node] }: NonNullable<FederationObservation["intent"]>): string {
	const { default: verdict, enforcement } = node?.policy ?? { default: fieldDefaults.defaultPolicy };
	if (policyName === undefined) return verdict;
	return `${policyName} (${[verdict, ...(enforcement === "Audit" ? [enforcement] : [])].join(", ")})`;
}

function progressOf({ intent, causes, plan, acting, nodes }: FederationObservation, previous: Progress, now: Date) {
	// While nothing can be modelled, nothing goes on.
	if (intent) {
		// A node is through when it has taken over what changed.
		const observed = nodes.map((node) => ({ ...node, moving: node.moving || isTakingOver(node) }));
		return progress(previous, causes, acting ? plan : { steps: [], waiting: [] }, observed, now);
	}
	const { rollout, finishedRollouts } = previous;
	return { ...(rollout && { rollout }), ...(finishedRollouts && { finishedRollouts }) };
}

function effective(
	{ certificate, dialback }: FederationObservation,
	intent: NonNullable<FederationObservation["intent"]>,
) {
	// The same at every node.
	const [node] = intent.nodes;
	const security = node?.security ?? defaultSecurity({});
	const peers = Object.entries(node?.peers ?? {});
	return {
		image: node?.image ?? "",
		imageFrom: intent.imageFrom,
		...(intent.nodes.some(({ image }) => image !== intent.operatorImage) && { operatorImage: intent.operatorImage }),
		securityMode: security.mode,
		security,
		...(peers.length > 0 && { peers: peers.map(([domain, settings]) => ({ domain, security: settings })) }),
		certificate: certificate && "source" in certificate ? certificate.source : ("Given" as const),
		dialback,
		service: {
			type: intent.service.type,
			...(intent.service.externalTrafficPolicy && { externalTrafficPolicy: intent.service.externalTrafficPolicy }),
		},
		internalService: { type: intent.internalService.type },
		...(intent.dns.externalDNS && { externalDNS: { enabled: true } }),
		resolver: { enabled: intent.resolver !== undefined },
		networkPolicy: { enabled: intent.networkPolicy !== undefined },
		nodes: intent.nodes.map(({ name, federation, published, upstream, image }) => ({
			name,
			federation,
			published,
			upstream,
			image,
		})),
	};
}
