-- The kind follows kstatus (Reconciling, Stalled) and has a condition Ready. How the runs ended
-- is told by the runs: a schedule that starts them when it should is healthy.
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

local ready = condition("Ready")
local stalled = condition("Stalled")
if stalled.status == "True" then
  return health("Degraded", stalled)
end
-- Healthy, as Argo CD has it for a CronJob: Suspended would be the health of the application too.
if obj.spec.suspend == true then
  return {status = "Healthy", message = "Suspended: nothing new starts"}
end
if ready.status == "True" then
  return health("Healthy", ready)
end
if condition("Reconciling").status == "True" or ready.status == nil or ready.status == "Unknown" then
  return health("Progressing", ready)
end
return health("Degraded", ready)
