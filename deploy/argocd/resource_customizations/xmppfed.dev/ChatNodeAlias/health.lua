-- By conditions that were found for this metadata.generation. An older one is of a spec that is no more.
local function current(type)
    for _, condition in ipairs(obj.status and obj.status.conditions or {}) do
        if condition.type == type and condition.observedGeneration == obj.metadata.generation then
            return condition
        end
    end
end

local function health(status, message)
    return { status = status, message = message }
end

local accepted, programmed = current("Accepted"), current("Programmed")
if accepted == nil or programmed == nil then
    return health("Progressing", "The operator has not looked at this generation yet.")
end
if accepted.status ~= "True" then
    -- An alias may be applied before its federation.
    local waits = accepted.reason == "FederationNotFound"
    return health(waits and "Progressing" or "Degraded", accepted.message)
end
if programmed.status == "True" then
    return health("Healthy", programmed.message)
end
-- What does not come by itself. What else keeps a node from having the alias is told by the XmppFederation.
local stays = { UpstreamUnreachable = true, DomainNotServed = true, NoEnabledNode = true }
if stays[programmed.reason] then
    return health("Degraded", programmed.message)
end
return health(programmed.reason == "Paused" and "Suspended" or "Progressing", programmed.message)
