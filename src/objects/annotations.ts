import { orderAnnotations } from "../model/rollout-orders.ts";

/** On a node's Deployment and pods: the revision of the intent that they were made from. */
export const revisionAnnotation = "xmppfed.dev/revision";

/** On a node's Deployment: when a restart was last asked for that was carried out. */
export const restartAnnotation = orderAnnotations.restart;

/** On a node's Deployment: who chose its image. */
export const imageFromAnnotation = "xmppfed.dev/image-from";

/** On a node's live objects: the revision of what it takes over while it runs. */
export const liveRevisionAnnotation = "xmppfed.dev/live-revision";

/** On what changes while pods run: when it was last written. RFC 3339. */
export const writtenAtAnnotation = "xmppfed.dev/written-at";

/** On pods, `WHAT@TIME`, where WHAT names what they have to take over: a change of it makes the kubelet look for new files at once. */
export const refreshAnnotation = "xmppfed.dev/refresh";
