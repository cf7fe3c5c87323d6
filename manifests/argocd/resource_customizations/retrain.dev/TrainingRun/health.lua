-- The kind follows kstatus (Reconciling, Stalled) and has one condition Succeeded.
local function condition(kind)
  for _, one in ipairs(obj.status.conditions or {}) do
    if one.type == kind then
      return one
    end
  end
  return {}
end

local function health(status, one)
  local message = one.reason or "Waiting for the operator"
  if one.message ~= nil and one.message ~= "" then
    message = message .. ": " .. one.message
  end
  return {status = status, message = message}
end

-- A status of an older spec says nothing about this one.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", {})
end

local succeeded = condition("Succeeded")
local stalled = condition("Stalled")
if succeeded.status == "True" then
  return health("Healthy", succeeded)
end
if succeeded.status == "False" then
  return health("Degraded", succeeded)
end
if stalled.status == "True" then
  return health("Degraded", stalled)
end
if succeeded.reason == "Suspended" then
  return health("Suspended", succeeded)
end
return health("Progressing", succeeded)
