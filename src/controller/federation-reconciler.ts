import type { Logger } from "pino";
import { parseStored, parseXmppFederation } from "../api/parse.ts";
import { ApiError, describeRefusal } from "../kubernetes/errors.ts";
import type { Observed } from "../kubernetes/object.ts";
import type { Problem } from "../model/problem.ts";
import { isTakingOver } from "../rollout/live.ts";
import { unlinkedNodes } from "../status/alias-nodes.ts";
import { dnsPublished } from "../status/dns-published.ts";
import { emailAddressNodes, lateForEmailAddresses } from "../status/email-address-nodes.ts";
import type { FederationObservation } from "../status/federation-observation.ts";
import { policyNodes } from "../status/policy-nodes.ts";
import { attachedConditions } from "./attached-conditions.ts";
import { refusedCaches } from "./caches.ts";
import { containerEnds } from "./container-ends.ts";
import { FederationRun } from "./federation-run.ts";
import { FederationWriter, NamespaceTerminatingError } from "./federation-writer.ts";
import { ensureLinkCertificates } from "./link-certificates.ts";
import { type Facts, observation, type ReconcilerParts } from "./observe-federation.ts";

/** Milliseconds until a federation is looked at again. */
const again = {
	/** Nothing tells of the end of most obstacles: a foreign object, a quota, a right, a webhook, a kind that is not there. */
	afterObstacle: 20_000,
	/** Until a kubelet is asked again to look for new files. */
	whileApplying: 3_000,
	/** A pod that does not go may be lost with its Kubernetes node: `lostPodAfter`. */
	whileMoving: 30_000,
	/** Once in a while, whatever happens. */
	always: 10 * 60_000,
	/** A moment that is over by then may still be to come by another clock. */
	atLeast: 1_000,
} as const;

function usualDelay({ obstacles, remarks, nodes }: FederationObservation): number {
	const isHindered = ({ reason }: Problem) => reason === "ExternalDNSMissing" || reason === "Forbidden";
	if (obstacles.length > 0 || remarks.some(isHindered)) return again.afterObstacle;
	if (nodes.some(({ takeOver: told }) => told?.state === "Applying")) return again.whileApplying;
	return nodes.some((node) => node.moving || isTakingOver(node)) ? again.whileMoving : again.always;
}

/**
 * Brings one XmppFederation to what it asks for: observe, model, plan, say so in status, act, say what came of it.
 *
 * Invariants: a resource that is not accepted changes nothing that runs. A restart stands in status before it happens.
 * A reconcile that finds everything as it should be makes no request.
 */
export class FederationReconciler {
	readonly #parts: ReconcilerParts;

	constructor(parts: ReconcilerParts) {
		this.#parts = parts;
	}

	/**
	 * @param key `NAMESPACE/NAME`
	 * @returns milliseconds until it should be looked at again; undefined where there is no such federation
	 */
	async reconcile(key: string, log: Logger, signal: AbortSignal): Promise<number | undefined> {
		const { caches, secretWatches, configMapWatches, policies, routerReports, dnsLookups } = this.#parts;
		const { emailAddresses, domainSettings } = this.#parts;
		// Without the CRD, or the right to see it, there is nothing to act on and nowhere to say so: the log does.
		if (caches.federations.refusal) return again.afterObstacle;
		const object = caches.federations.store.get(key);
		if (!object || object.metadata.deletionTimestamp) {
			// Owner references remove what we made, with the operator running or not.
			secretWatches.release(key);
			configMapWatches.release(key);
			policies.release(key);
			emailAddresses.release(key);
			await this.#parts.policyStatusWriter.writeNotFound(key, log, signal);
			await this.#parts.aliasStatusWriter.writeNotFound(key, log, signal);
			routerReports.release(key);
			dnsLookups.release(key);
			domainSettings.release(key);
			this.#parts.metrics.release(key);
			this.#tellOfAttached(key);
			return undefined;
		}
		const refused = refusedCaches(caches);
		const parsed = parseStored(parseXmppFederation, object);
		const problems = (parsed.ok ? [] : parsed.errors).map(({ field, message }) => ({
			reason: "InvalidSpec" as const,
			field,
			message,
		}));
		if (refused.blocking) return await this.#save(key, object, { problems, obstacles: refused.obstacles }, log, signal);
		try {
			if (!parsed.ok) {
				domainSettings.noteUnaccepted(object);
				const obstacles = await this.#renewLinkCertificates(key, object, refused.obstacles, log, signal);
				return await this.#save(key, object, { problems, obstacles }, log, signal);
			}
			const run = new FederationRun(this.#parts, key, object, parsed.value, refused.obstacles, log, signal);
			return await run.carryOut(async (facts) => await this.#save(key, object, facts, log, signal));
		} catch (error) {
			if (error instanceof ApiError && error.isRefusal) {
				const message = `${describeRefusal(error)}: ${error.message}.`;
				const obstacles = [...refused.obstacles, { reason: "Forbidden" as const, field: "", message }];
				return await this.#save(key, object, { problems, obstacles }, log, signal);
			}
			// The federation goes with its namespace: there is nobody to tell and nothing to mend.
			if (error instanceof NamespaceTerminatingError) return again.afterObstacle;
			throw error;
		}
	}

	/**
	 * Of a federation whose resource cannot be read: what runs must not come to a stand by a certificate that expires.
	 *
	 * @returns what stands in the way of it
	 */
	async #renewLinkCertificates(
		key: string,
		{ metadata: { namespace = "", name, uid } }: Observed,
		obstacles: readonly Problem[],
		log: Logger,
		signal: AbortSignal,
	): Promise<readonly Problem[]> {
		const { caches, ownedKinds } = this.#parts;
		const writer = new FederationWriter(ownedKinds, uid, obstacles, signal);
		const runs = caches.deployments.store.byIndex(key).some((deployment) => writer.owns(deployment));
		if (runs) await ensureLinkCertificates({ namespace, name, uid }, this.#parts, writer, log);
		return writer.obstacles;
	}

	/** Of policies and aliases, as their statuses are now. */
	#tellOfAttached(key: string): void {
		const { policies, aliases, metrics } = this.#parts;
		metrics.attached(key, attachedConditions([...policies.of(key), ...aliases.of(key)]));
	}

	async #save(key: string, object: Observed, facts: Facts, log: Logger, signal: AbortSignal): Promise<number> {
		return await this.#parts.tracing.span("status", {}, () => this.#saveStatus(key, object, facts, log, signal));
	}

	async #saveStatus(key: string, object: Observed, facts: Facts, log: Logger, signal: AbortSignal): Promise<number> {
		const seen = observation(this.#parts, key, object, facts);
		await this.#parts.statusWriter.write(object, seen, log, signal);
		const enforcing = facts.policy && policyNodes(seen);
		if (facts.policy && !seen.acting) {
			await this.#parts.policyStatusWriter.write(key, facts.policy, enforcing, log, signal);
		}
		if (facts.aliases && !seen.acting) {
			const { federation, verdicts } = facts.aliases;
			await this.#parts.aliasStatusWriter.write(key, federation, verdicts, seen, log, signal);
		}
		const [held] = seen.plan.steps.length > 0 ? [] : seen.plan.waiting;
		this.#parts.metrics.rolloutBlocked(key, held?.reason);
		this.#tellOfAttached(key);
		this.#parts.metrics.containersEnded(key, containerEnds(this.#parts.caches.pods.store.byIndex(key)));
		this.#parts.dnsLookups.settled(key, dnsPublished(seen).status === "True");
		const waitsForDialback = seen.dialbackWaitsFor.length > 0;
		const waitsForPolicy = enforcing?.some(({ state }) => state === "Pending") ?? false;
		const waitsForMapping = emailAddressNodes(seen)?.some(({ state }) => state === "Pending") ?? false;
		const waitsForTakeOver = waitsForPolicy || waitsForMapping || seen.nodes.some(isTakingOver);
		const chatNodes = new Set(seen.intent?.aliases?.map(({ node }) => node));
		const waitsForLinks = [...chatNodes].some((node) => unlinkedNodes(seen, node).length > 0);
		const waits = waitsForDialback || waitsForTakeOver || waitsForLinks || seen.plan.waiting.length > 0;
		this.#parts.routerReports.hurry(key, waits);
		this.#parts.routerReports.askAll(key, waitsForDialback);
		const { certificate } = seen;
		const known = certificate && "findings" in certificate ? certificate : undefined;
		if (known) this.#parts.metrics.certificateExpires(key, known.notAfter);
		// Certificates come of age and expire without a sign.
		const now = this.#parts.now().getTime();
		const changes = [known?.changesAt, facts.changesAt].flatMap((at) => (at ? [at.getTime() - now] : []));
		const isLate = lateForEmailAddresses(seen, this.#parts.now()).length > 0;
		const usual = isLate ? Math.min(again.whileApplying, usualDelay(seen)) : usualDelay(seen);
		return Math.max(again.atLeast, Math.min(usual, ...changes));
	}
}
