import { orderAnnotations } from "../model/rollout-orders.ts";

/** On a node's Deployment and pods: the revision of the intent that they were made from. */
export const revisionAnnotation = "xmppfed.dev/revision";

/** On a node's Deployment: when a restart was last asked for that was carried out. */
export const restartAnnotation = orderAnnotations.restart;
