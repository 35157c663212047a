import type { AcceptedAlias } from "./aliases.ts";
import type { KeptImage } from "./kept-image.ts";
import type { EffectivePolicy } from "./policy/in-force.ts";

/**
 * What the model needs beside the XmppFederation itself: the contents of the Secrets that it names and of those that
 * the operator made for it. All values are base64, as they stand in `Secret.data`.
 */
export interface FederationInputs {
	readonly defaults: OperatorDefaults;
	readonly generated: GeneratedSecrets;
	/** The Secret that `spec.security.certificate` names or has issued; undefined while it does not exist. */
	readonly certificate?: SecretContent | undefined;
	/** What cert-manager says, where `spec.security.certificate.issuerRef` is set. */
	readonly issuance?: Issuance | undefined;
	/** The ConfigMap that `spec.security.trustedCAs` names; undefined while it does not exist. Its values are text. */
	readonly trustedCAs?: { readonly data: Readonly<Record<string, string>> } | undefined;
	/** The Secret that `spec.security.dialback.secretRef` names; undefined while it does not exist. */
	readonly dialback?: SecretContent | undefined;
	/** The dialback secret that nodes use while another one is on its way, base64; undefined: the wanted one. */
	readonly dialbackInForce?: string | undefined;
	/** The FederationPolicy in force and what it comes to; undefined where there is none. */
	readonly policy?: { readonly name: string; readonly effective: EffectivePolicy } | undefined;
	/** ChatNodeAliases that are served. */
	readonly aliases?: readonly AcceptedAlias[] | undefined;
	/** Addresses or names that a load balancer gave the internal Service. */
	readonly internalAddresses?: readonly string[] | undefined;
	/** Images that operators chose, by node. */
	readonly keptImages?: ReadonlyMap<string, KeptImage> | undefined;
	/** Revisions that nodes' Deployments ask for, by node. */
	readonly runningRevisions?: ReadonlyMap<string, string> | undefined;
	/** When a restart was last asked for that was carried out, by node. */
	readonly carriedOutRestarts?: ReadonlyMap<string, string> | undefined;
}

export interface SecretContent {
	readonly type?: string | undefined;
	readonly data: Readonly<Record<string, string>>;
}

/** NoCertManager: the Kubernetes cluster does not have its kinds. */
export type Issuance =
	| "NoCertManager"
	| {
			/** What was asked for last is issued. */
			readonly ready: boolean;
			/** In the words of cert-manager; empty where it says nothing. */
			readonly message: string;
	  };

/** Made once for each federation, random, never shown. */
export interface GeneratedSecrets {
	readonly dialback: string;
	readonly link: string;
	/** Key of the digests in intents. */
	readonly digestKey: string;
	/** The Secret with a self-signed certificate: used where the federation names none. */
	readonly selfSigned?: SecretContent | undefined;
}

/** Settings of the operator's installation. */
export interface OperatorDefaults {
	readonly gatewayImage: string;
	readonly resolverImage: string;
	/** DNS suffix of the Kubernetes cluster, for example `cluster.local`. */
	readonly clusterDomain: string;
	/** Where the operator's own pods are; undefined where it runs outside the Kubernetes cluster. */
	readonly operatorPods?: OperatorPods | undefined;
}

export interface OperatorPods {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
}

/** What a node's pod carries of secrets; base64. Stands apart from the intent, which holds digests only. */
export interface NodeSecrets {
	readonly certificate: { readonly certificate: string; readonly key: string };
	readonly dialback: string;
	readonly link: string;
	/** PEM. Absent: no others than the public ones. */
	readonly trustedCAs?: string;
	/** Key of the digests in the intent. */
	readonly digestKey: string;
}
