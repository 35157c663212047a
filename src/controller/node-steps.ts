import type { Logger } from "pino";
import { objectKey } from "../kubernetes/object.ts";
import { deployments as deploymentResource } from "../kubernetes/resources.ts";
import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { nodeObjectName } from "../model/names.ts";
import { nodeRevision } from "../model/revision.ts";
import { imageFromAnnotation, revisionAnnotation } from "../objects/annotations.ts";
import { nodeObjects } from "../objects/federation-objects.ts";
import { nodeLabel } from "../objects/labels.ts";
import { nodeConfigurationName } from "../objects/node-configuration.ts";
import { nodeDeployment } from "../objects/node-deployment.ts";
import { type Cause, causesOfStep } from "../rollout/causes.ts";
import type { Step } from "../rollout/plan.ts";
import type { FederationWriter } from "./federation-writer.ts";
import { restoreLive, writeLive } from "./live-objects.ts";
import type { ReconcilerParts } from "./observe-federation.ts";

/** Takes the steps that are planned for the nodes of a federation, and keeps the objects of those that need none. */
export class NodeSteps {
	readonly #parts: ReconcilerParts;
	readonly #key: string;
	readonly #intent: FederationIntent;
	readonly #secrets: NodeSecrets;
	readonly #writer: FederationWriter;
	readonly #log: Logger;

	/** @param key of the federation: `NAMESPACE/NAME` */
	constructor(
		parts: ReconcilerParts,
		key: string,
		intent: FederationIntent,
		secrets: NodeSecrets,
		writer: FederationWriter,
		log: Logger,
	) {
		this.#parts = parts;
		this.#key = key;
		this.#intent = intent;
		this.#secrets = secrets;
		this.#writer = writer;
		this.#log = log;
	}

	/**
	 * Names of the nodes whose Deployment somebody changed by hand. What a newer operator would write differently is no drift:
	 * it waits for the next change of the intent.
	 */
	drifted(): ReadonlySet<string> {
		const isChanged = (node: NodeIntent) =>
			this.#isAtIntent(node) && this.#writer.hasDrifted(nodeDeployment(this.#intent, node));
		return new Set(this.#intent.nodes.filter(isChanged).map(({ name }) => name));
	}

	/** @param causes of all steps */
	async take(step: Step, causes: readonly Cause[]): Promise<void> {
		const { metrics } = this.#parts;
		const before = this.#writer.obstacles.length;
		this.#log.info({ step: step.kind, node: step.node }, "taking a step");
		metrics.nodeStep(step.kind);
		await this.#take(step);
		if (this.#writer.obstacles.length > before) return;
		for (const { reason } of causesOfStep(step, causes)) {
			if (step.kind === "Restart") metrics.nodeRestarted(reason);
			if (step.kind === "Apply") metrics.takenOver(reason);
		}
	}

	/** Makes files again that somebody deleted of a node that runs its intent: a pod that starts again needs them. */
	async restoreFiles(): Promise<void> {
		const { configMaps, secrets: kept } = this.#parts.caches;
		for (const node of this.#intent.nodes) {
			if (!this.#isAtIntent(node)) continue;
			await this.#noteImageSource(node);
			if (node.strategy === "Live") await restoreLive(this.#intent, node, this.#secrets, this.#parts, this.#writer);
			const files = objectKey(this.#intent.namespace, nodeConfigurationName(node));
			if (configMaps.store.get(files) && kept.store.get(files)) continue;
			const { configuration, secret } = nodeObjects(this.#intent, node, this.#secrets);
			await this.#writer.createConfigMap(configuration);
			await this.#writer.createSecret(secret);
		}
	}

	async #take({ kind, node: name }: Step): Promise<void> {
		if (kind === "Remove") return await this.#remove(name);
		const node = this.#intent.nodes.find((wanted) => wanted.name === name);
		if (!node) throw new Error(`a step was planned for a node that is not in the intent: ${name}`);
		if (kind === "Apply") return void (await this.#writeLive(node));
		const objects = nodeObjects(this.#intent, node, this.#secrets);
		const configuration = await this.#writer.createConfigMap(objects.configuration);
		const secret = await this.#writer.createSecret(objects.secret);
		const live = node.strategy !== "Live" || (await this.#writeLive(node));
		// A pod without its files would only wait for them.
		if (configuration && secret && live) await this.#writer.apply(objects.deployment);
	}

	async #writeLive(node: NodeIntent): Promise<boolean> {
		return await writeLive(this.#intent, node, this.#secrets, this.#parts, this.#writer);
	}

	async #remove(name: string): Promise<void> {
		for (const deployment of this.#parts.caches.deployments.store.byIndex(this.#key)) {
			if (deployment.metadata.labels?.[nodeLabel] === name) {
				// The plan sees the node until its pod has drained, and takes no other meanwhile.
				await this.#writer.remove("Deployment", deployment, "Foreground");
			}
		}
	}

	/** Who chose the image can change without a change of the image. That restarts nothing. */
	async #noteImageSource(node: NodeIntent): Promise<void> {
		const { imageFrom } = this.#intent;
		const deployment = this.#deploymentOf(node);
		if (!deployment || deployment.metadata.annotations?.[imageFromAnnotation] === imageFrom) return;
		const annotated = await this.#writer.annotate(this.#parts.client, deploymentResource, deployment, {
			[imageFromAnnotation]: imageFrom,
		});
		if (annotated) this.#parts.caches.deployments.store.remember(annotated);
	}

	#isAtIntent(node: NodeIntent): boolean {
		return this.#deploymentOf(node)?.metadata.annotations?.[revisionAnnotation] === nodeRevision(node);
	}

	#deploymentOf({ name }: NodeIntent) {
		const key = objectKey(this.#intent.namespace, nodeObjectName(this.#intent.name, name));
		return this.#parts.caches.deployments.store.get(key);
	}
}
