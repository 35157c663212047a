local annotations = obj.metadata.annotations or {}
-- As the operator reads it: what is neither true nor false pauses.
local paused = (annotations["xmppfed.dev/paused"] or "false") ~= "false"
return {
    ["restart"] = {},
    ["restart-node"] = { ["params"] = { { ["name"] = "node" } } },
    ["pause"] = { ["disabled"] = paused },
    ["resume"] = { ["disabled"] = not paused },
}
