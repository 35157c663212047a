/** On a node's Deployment and pods: the revision of the intent that they were made from. */
export const revisionAnnotation = "xmppfed.dev/revision";
