-- What was queued before step 3 does not say whose it is, and would be sent unsigned. Its room does.
UPDATE callback
SET application_id = coalesce(
    (SELECT room.application_id FROM room WHERE room.id = callback.room_id), ''
)
WHERE application_id = '';
