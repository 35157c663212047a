import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import type { KubernetesObject, Observed } from "../kubernetes/object.ts";
import { Failure } from "./failure.ts";
import { type FederationObject, federations } from "./federations.ts";
import { declaredBy, lastApplied } from "./managed-fields.ts";
import { patched, threeWayPatch } from "./three-way-merge.ts";

/** What would stand in the API server after a file was applied. */
export interface Proposal {
	readonly object: KubernetesObject;
	/** The API server has not been asked: whoever asks may not write. */
	readonly unchecked: boolean;
}

const writing: ReadonlySet<string | undefined> = new Set(["create", "patch"]);

const dryRun = { dryRun: true, fieldValidation: "Strict" } as const;

/**
 * Lets the API server carry out an apply without keeping it, so that its defaults, rules and webhooks speak. Applies as
 * the one who applied before does, because that decides what happens to fields that the file no longer has: server-side
 * apply under the same manager, else what `kubectl apply` does.
 */
export async function propose(
	client: KubernetesClient,
	file: KubernetesObject & { readonly metadata: { readonly namespace: string } },
	live: Observed<FederationObject> | undefined,
): Promise<Proposal> {
	try {
		return { object: await proposedByServer(client, file, live), unchecked: false };
	} catch (error) {
		// What a webhook refuses is its last word.
		if (!(error instanceof ApiError) || error.status !== 403 || !writing.has(error.missingVerb)) throw error;
		return { object: proposedHere(file, live), unchecked: true };
	}
}

async function proposedByServer(
	client: KubernetesClient,
	file: KubernetesObject & { readonly metadata: { readonly namespace: string } },
	live: Observed<FederationObject> | undefined,
): Promise<KubernetesObject> {
	const { namespace, name } = file.metadata;
	if (!live) return await client.create(federations, file, dryRun);
	const [manager] = declaredBy(live, ["f:spec"]);
	if (manager === undefined) {
		return await client.mergePatch(federations, namespace, name, clientSidePatch(file, live), dryRun);
	}
	try {
		return await client.with({ fieldManager: manager }).apply(federations, file, { ...dryRun, force: false });
	} catch (error) {
		if (!(error instanceof ApiError) || error.status !== 409) throw error;
		const fields = (error.details.causes ?? []).map(({ field, message }) => `  ${field}: ${message}`);
		if (fields.length === 0) throw error;
		throw new Failure(
			`applying ${name} as ${manager} would conflict with others that set these fields:\n${fields.join("\n")}\n` +
				"Take them out of the file, or let their owner take them back.",
		);
	}
}

function proposedHere(file: KubernetesObject, live: Observed<FederationObject> | undefined): KubernetesObject {
	if (!live) return { ...file, metadata: { ...file.metadata, uid: "", generation: 1 } };
	const object = patched(live, clientSidePatch(file, live));
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a patch of an object of this kind
	return object as KubernetesObject;
}

function clientSidePatch(file: KubernetesObject, live: FederationObject): object {
	return threeWayPatch(lastApplied(live), { ...file }, live);
}
