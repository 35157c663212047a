import type { CertificateFacts, UnusableCertificate } from "../model/certificate.ts";
import type { FederationIntent } from "../model/intent.ts";
import type { Problem } from "../model/problem.ts";
import type { Cause } from "../rollout/causes.ts";
import type { AliasesInForce, LiveState, MappingReport, PolicyReport } from "../rollout/live.ts";
import type { ObservedNode, Plan } from "../rollout/plan.ts";
import type { DnsAnswers } from "./dns-published.ts";
import type { FederationOfDomain } from "./settings-consistent.ts";

/** Everything that the status of a federation is made from: what should be, what is, and what is in the way. */
export interface FederationObservation {
	readonly generation: number;
	/** Undefined where the resource could not be modelled: `problems` says why. */
	readonly intent: FederationIntent | undefined;
	readonly certificate: ObservedCertificate | UnusableCertificate | undefined;
	readonly dialback: "Given" | "Generated";
	/** Nodes that do not accept the new dialback secret yet: none signs with it before. */
	readonly dialbackWaitsFor: readonly string[];
	/** The steps of `plan` are about to be taken: what hinders them is not known yet. */
	readonly acting: boolean;
	/** Why the resource is not accepted. */
	readonly problems: readonly Problem[];
	/** What hinders carrying it out: foreign objects, refused requests. */
	readonly obstacles: readonly Problem[];
	readonly nodes: readonly NodeObservation[];
	readonly plan: Plan;
	/** Why nodes are not at their intent. */
	readonly causes: readonly Cause[];
	/** What is carried out as it stands, but hardly as it was meant. */
	readonly warnings: readonly Problem[];
	/** What is wrong beside the resource itself: annotations, the policy, email addresses. */
	readonly remarks: readonly Problem[];
	/** Other federations of the same `spec.domain`. */
	readonly sameDomain: readonly FederationOfDomain[];
	/** Undefined where `spec.emailAddresses` is off. */
	readonly emailAddresses?: EmailAddressesObservation | undefined;
	/** What DNS says of the federation's names; undefined while nothing was asked. */
	readonly dns?: DnsAnswers | undefined;
	readonly services: {
		readonly public?: ServiceObservation | undefined;
		/** Of nodes that peers reach by themselves, by node; only those that exist. */
		readonly nodes?: ReadonlyMap<string, ServiceObservation> | undefined;
		/** Of Direct aliases, by the name of the ChatNodeAlias; only those that exist. */
		readonly aliases?: ReadonlyMap<string, ServiceObservation> | undefined;
		readonly internal?: ServiceObservation | undefined;
		readonly resolver?: ServiceObservation | undefined;
	};
}

export interface EmailAddressesObservation {
	/** The mapping that routers are given; undefined where there was none yet. */
	readonly given:
		| { readonly digest: string; readonly mappings: number; readonly writtenAt?: string | undefined }
		| undefined;
	/** A directory has not answered yet, so it may not be the one that the resource asks for. */
	readonly isAwaited: boolean;
	/** Why it is not the one that the resource asks for. */
	readonly problems: readonly Problem[];
}

export interface ObservedCertificate extends CertificateFacts {
	/** SelfSigned: the operator made it, because none is given. Issued: by cert-manager. */
	readonly source: "SelfSigned" | "Given" | "Issued";
}

export interface NodeObservation extends ObservedNode {
	/** Undefined while its federation connection manager did not say what it enforces. */
	readonly policy?: PolicyReport;
	/** Undefined while its router did not say what mapping of email addresses it uses. */
	readonly mapping?: MappingReport;
	/** Why a pod is not ready, in the words of Kubernetes; empty when nothing is known. */
	readonly trouble: string;
	/** Of those that it takes over while it runs; undefined where its processes did not say the same. */
	readonly aliasesInForce?: AliasesInForce | undefined;
	/** How far it has taken over what changed while it runs; undefined where that is nothing. */
	readonly takeOver?: LiveState | undefined;
	/** What the node's router says of the upstreams of aliases, by their names in ASCII; undefined as below. */
	readonly aliases?: readonly AliasUpstream[] | undefined;
	/** What the node's router says of its upstream; undefined while it could not be asked. */
	readonly upstream?: NodeUpstream | undefined;
	/** `ROLE: WHY` of its processes that cannot use the link certificate; undefined while one could not be asked. */
	readonly linkFailures?: readonly string[] | undefined;
}

export interface NodeUpstream {
	readonly reachable: boolean;
	readonly error?: string | undefined;
	/** Domains of the federation that the internal server does not serve, as XMPP writes them. Absent: none is known. */
	readonly unserved?: readonly string[];
}

export interface AliasUpstream {
	readonly domain: string;
	readonly reachable: boolean;
	readonly error?: string | undefined;
	/** Whether that server serves the alias. Absent: it has not said. */
	readonly served?: boolean;
}

export interface ServiceObservation {
	readonly name: string;
	readonly clusterIP?: string | undefined;
	/** Addresses or names that the load balancer gave. */
	readonly ingress: readonly string[];
}
