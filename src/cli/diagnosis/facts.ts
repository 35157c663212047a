import type { SharedSettings } from "../../model/shared-settings.ts";
import type { DomainCheck } from "../dns-check-domain.ts";
import type { FederationView } from "../federation-view.ts";
import type { OperatorInstallation } from "../operators.ts";
import type { PodAnswer } from "../peers-view.ts";

/** What was found out, or why it was not. */
export type Known<Value> = { readonly value: Value } | { readonly problem: string };

/** What `diagnose` goes by: all that was read and tried, without a word on what it means. */
export interface DiagnosisFacts {
	/** When it was gathered. */
	readonly at: Date;
	readonly clusters: readonly ClusterFacts[];
	/** Of every domain and alias. */
	readonly lookups: ReadonlyMap<string, DomainCheck>;
}

export interface ClusterFacts {
	/** Name of the context. */
	readonly cluster: string;
	readonly operators: Known<readonly OperatorInstallation[]>;
	/** Those that are looked at. */
	readonly federations: Known<readonly FederationFacts[]>;
}

export interface FederationFacts {
	readonly cluster: string;
	readonly view: FederationView;
	/** In lower case, `spec.domain` first. */
	readonly domains: readonly string[];
	readonly settings: Known<SharedSettings>;
	/** Why its dialback secret, or its trusted authorities, are not in the settings. */
	readonly unread: readonly string[];
	readonly certificate: Known<CertificateView>;
	/** Gateway images that its nodes run, by node. */
	readonly images: Known<ReadonlyMap<string, string>>;
	readonly endpoints: readonly EndpointFacts[];
	/** What its gateways say of their peers. */
	readonly peers: Known<readonly PodAnswer[]>;
}

export interface CertificateView {
	readonly issuer: string;
	/** DNS names, in order. */
	readonly names: readonly string[];
	readonly notAfter: Date;
	/** Where it was seen. */
	readonly from: "Secret" | "Endpoint";
}

/** An address that peers connect to. */
export interface EndpointFacts {
	readonly host: string;
	readonly port: number;
	readonly fromHere: Known<ProbeResult>;
	/** From gateway pods of the other clusters. */
	readonly fromOthers: readonly { readonly cluster: string; readonly node: string; readonly result: Known<true> }[];
}

export interface ProbeResult {
	/** Until the connection was there. */
	readonly milliseconds: number;
	/** Absent: the server offers no TLS. */
	readonly certificate?: Omit<CertificateView, "from">;
}
