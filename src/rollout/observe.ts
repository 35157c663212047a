import { outdatedImageExitCode } from "../gateway/image-check.ts";
import type { FederationSwitch } from "../model/intent.ts";
import { revisionAnnotation } from "../objects/annotations.ts";
import { nodeLabel, switchLabel } from "../objects/labels.ts";
import type { ObservedNode } from "./plan.ts";

/** The parts of a Deployment and its pods that tell how far a node has come. */
export interface DeploymentView {
	readonly metadata: {
		readonly name: string;
		readonly generation?: number | undefined;
		readonly deletionTimestamp?: string | undefined;
		readonly labels?: Readonly<Record<string, string>> | undefined;
		readonly annotations?: Readonly<Record<string, string>> | undefined;
	};
	readonly status?:
		| {
				readonly observedGeneration?: number | undefined;
				/** Pods of all templates and those of the newest, draining ones not counted. */
				readonly replicas?: number | undefined;
				readonly updatedReplicas?: number | undefined;
				readonly conditions?: readonly ConditionView[] | undefined;
		  }
		| undefined;
}

export interface PodView {
	readonly metadata: {
		readonly name: string;
		readonly deletionTimestamp?: string | undefined;
		readonly labels?: Readonly<Record<string, string>> | undefined;
		readonly annotations?: Readonly<Record<string, string>> | undefined;
	};
	readonly status?:
		| {
				readonly phase?: string | undefined;
				readonly podIP?: string | undefined;
				readonly podIPs?: readonly { readonly ip?: string | undefined }[] | undefined;
				readonly conditions?: readonly ConditionView[] | undefined;
				readonly containerStatuses?: readonly ContainerView[] | undefined;
		  }
		| undefined;
}

interface ConditionView {
	readonly type: string;
	readonly status: string;
	readonly reason?: string | undefined;
	readonly message?: string | undefined;
	readonly lastTransitionTime?: string | undefined;
}

interface ContainerView {
	readonly name: string;
	readonly image?: string | undefined;
	readonly ready: boolean;
	readonly restartCount: number;
	readonly state?:
		| { readonly waiting?: { readonly reason?: string | undefined; readonly message?: string | undefined } | undefined }
		| undefined;
	readonly lastState?:
		| { readonly terminated?: { readonly exitCode: number; readonly reason?: string | undefined } | undefined }
		| undefined;
}

/** What is known of a node's newest pod. */
export interface PodFacts {
	/** Why it is not ready; empty when nothing is known. */
	readonly trouble: string;
	/** The first is the one by which it is asked. */
	readonly addresses: readonly string[];
	/** RFC 3339; undefined while it is not ready. */
	readonly readySince: string | undefined;
}

/** Waiting for these is what every pod does at its start. */
const ordinaryWaits = new Set(["ContainerCreating", "PodInitializing"]);
/** The kubelet goes back and forth between these, with a message that changes each time. */
const imageWaits = new Set(["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]);

/**
 * Milliseconds after the end of its grace period for which a pod is waited for. One that is there even then is on a
 * Kubernetes node that is gone: it may stay for days, and nothing can be done for it from here.
 */
export const lostPodAfter = 60_000;

/** How far each node of a federation has come, from its Deployment and pods. */
export function observeNodes(
	deployments: readonly DeploymentView[],
	pods: readonly PodView[],
	now: Date,
): readonly (ObservedNode & PodFacts)[] {
	return deployments.flatMap((deployment) => {
		const name = deployment.metadata.labels?.[nodeLabel];
		if (name === undefined) return [];
		const own = pods.filter(
			(pod) => pod.metadata.labels?.[nodeLabel] === name && !isFinished(pod) && !isLost(pod, now),
		);
		return [observeNode(name, deployment, own)];
	});
}

function observeNode(name: string, deployment: DeploymentView, pods: readonly PodView[]) {
	const revision = deployment.metadata.annotations?.[revisionAnnotation] ?? "";
	const federation: FederationSwitch = deployment.metadata.labels?.[switchLabel] === "Enabled" ? "Enabled" : "Disabled";
	const newest = pods.filter(
		(pod) => pod.metadata.annotations?.[revisionAnnotation] === revision && !pod.metadata.deletionTimestamp,
	);
	const readyPod = newest.find(isReady);
	const actedOn = (deployment.status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 1);
	const leaving = deployment.metadata.deletionTimestamp !== undefined;
	// What was put back after a change by hand is of the same revision: its pods do not tell the old from the new.
	const { replicas = 0, updatedReplicas = 0 } = deployment.status ?? {};
	const replacing = updatedReplicas < replicas;
	const crowded = (replacing || newest.length > 1) && actedOn && !leaving && pods.length === newest.length;
	return {
		name,
		federation,
		revision,
		ready: readyPod !== undefined && !leaving,
		...(leaving && { leaving }),
		...(crowded && { crowded }),
		moving: !actedOn || replacing || leaving || pods.length > newest.length || newest.length > 1,
		trouble: readyPod ? "" : trouble(deployment, newest),
		addresses: addressesOf(readyPod ?? newest[0]),
		readySince: readyPod && readyCondition(readyPod)?.lastTransitionTime,
	};
}

function addressesOf(pod: PodView | undefined): readonly string[] {
	const { podIP, podIPs = [] } = pod?.status ?? {};
	return [...new Set([podIP, ...podIPs.map(({ ip }) => ip)])].filter((ip) => ip !== undefined);
}

function isReady(pod: PodView): boolean {
	return readyCondition(pod) !== undefined;
}

function readyCondition({ status: pod }: PodView): ConditionView | undefined {
	return pod?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
}

function isFinished(pod: PodView): boolean {
	return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** deletionTimestamp is when the grace period ends. */
function isLost({ metadata }: PodView, now: Date): boolean {
	const { deletionTimestamp } = metadata;
	return deletionTimestamp !== undefined && now.getTime() - Date.parse(deletionTimestamp) > lostPodAfter;
}

function trouble(deployment: DeploymentView, pods: readonly PodView[]): string {
	for (const pod of pods) {
		const reason = podTrouble(pod);
		if (reason) return `pod ${pod.metadata.name}: ${reason}`;
	}
	if (pods.length > 0) return "";
	// No pod at all: quota, admission or a missing service account speaks through the Deployment.
	const failure = deployment.status?.conditions?.find(
		({ type, status }) => type === "ReplicaFailure" && status === "True",
	);
	return failure ? `no pod could be made: ${failure.message ?? failure.reason ?? "unknown cause"}` : "";
}

function podTrouble({ status }: PodView): string {
	const unscheduled = status?.conditions?.find(
		({ type, reason }) => type === "PodScheduled" && reason === "Unschedulable",
	);
	if (unscheduled) return `cannot be scheduled: ${unscheduled.message ?? "no Kubernetes node fits"}`;
	return status?.containerStatuses?.map(containerTrouble).find((words) => words !== "") ?? "";
}

/** Says the same for as long as the same is wrong: counts and back-off times would be news at every restart. */
function containerTrouble({ name, image, ready, restartCount, state, lastState }: ContainerView): string {
	const ended = lastState?.terminated;
	if (!ready && ended?.exitCode === outdatedImageExitCode && restartCount > 0) {
		return (
			`container ${name}: the image ${image ?? ""} is older than the operator and lacks a part of the gateway; ` +
			"set spec.image to an image of the operator's release, or leave it out"
		);
	}
	if (!ready && ended && restartCount > 0) {
		const why = ended.reason && ended.reason !== "Error" ? `${ended.reason}, ` : "";
		return `container ${name} keeps ending (${why}exit code ${ended.exitCode}); kubectl logs --previous -c ${name} shows why`;
	}
	const { reason, message } = state?.waiting ?? {};
	if (!reason || ordinaryWaits.has(reason)) return "";
	if (imageWaits.has(reason)) return `container ${name}: the image ${image ?? ""} cannot be pulled`;
	return `container ${name} is waiting: ${reason}${message ? ` (${message})` : ""}`;
}
