if obj.metadata.annotations ~= nil then
    obj.metadata.annotations["xmppfed.dev/paused"] = nil
end
return obj
