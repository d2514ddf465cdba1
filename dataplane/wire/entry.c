/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/entry.h"

static enum tw_frames_result check_part(const struct tw_entry *entry, uint32_t first)
{
    if (entry->size == 0 || entry->size > TW_MESSAGE_MAX || entry->length == 0 ||
        first >= TW_MESSAGE_MAX / TW_GRANULE_BYTES)
        return TW_FRAMES_RANGE;
    uint32_t end = first * TW_GRANULE_BYTES + entry->length;
    if (end > entry->size || (end < entry->size && entry->length % TW_GRANULE_BYTES != 0))
        return TW_FRAMES_RANGE;
    /* Channel 0 has no memory for parts. */
    if (entry->channel == TW_CHANNEL_STATE &&
        (entry->kind != TW_ENTRY_WHOLE || entry->size > TW_UNRELIABLE_MAX))
        return TW_FRAMES_RANGE;
    if (entry->flags != 0 && entry->channel != TW_CHANNEL_BULK)
        return TW_FRAMES_RANGE;
    return TW_FRAMES_OK;
}

enum tw_frames_result tw_entry_read(struct tw_reader *reader, struct tw_entry *entry)
{
    uint8_t head = tw_read_u8(reader);
    uint32_t first = 0;
    *entry = (struct tw_entry){
        .channel = head & TW_ENTRY_CHANNEL,
        .kind = head >> TW_ENTRY_KIND_SHIFT & 3u,
        .flags = head & TW_ENTRY_COMPRESSED,
        .number = tw_read_u16(reader),
    };
    if (reader->failed || (head & ~TW_ENTRY_KNOWN) != 0 || entry->kind > TW_ENTRY_ABANDONED)
        return TW_FRAMES_MALFORMED;
    if (entry->kind == TW_ENTRY_ABANDONED)
        return entry->flags == 0 && entry->channel != TW_CHANNEL_STATE ? TW_FRAMES_OK
                                                                       : TW_FRAMES_RANGE;
    entry->size = tw_read_varint(reader);
    entry->length = entry->size;
    if (entry->kind == TW_ENTRY_PART) {
        first = tw_read_varint(reader);
        entry->length = tw_read_varint(reader);
    }
    entry->bytes = tw_read_bytes(reader, entry->length);
    if (reader->failed)
        return TW_FRAMES_MALFORMED;
    entry->first = (uint16_t)first;
    return check_part(entry, first);
}

size_t tw_entry_overhead(const struct tw_entry *entry)
{
    if (entry->kind == TW_ENTRY_ABANDONED)
        return TW_ENTRY_HEADER_SIZE;
    size_t size = TW_ENTRY_HEADER_SIZE + tw_varint_size(entry->size);
    if (entry->kind == TW_ENTRY_PART)
        size += tw_varint_size(entry->first) + tw_varint_size(entry->length);
    return size;
}

uint8_t *tw_entry_write(struct tw_writer *writer, const struct tw_entry *entry)
{
    if (tw_writer_left(writer) < tw_entry_overhead(entry) + entry->length) {
        writer->failed = true;
        return NULL;
    }
    tw_write_u8(writer,
                (uint8_t)(entry->channel | (entry->kind << TW_ENTRY_KIND_SHIFT) | entry->flags));
    tw_write_u16(writer, entry->number);
    if (entry->kind != TW_ENTRY_ABANDONED)
        tw_write_varint(writer, entry->size);
    if (entry->kind == TW_ENTRY_PART) {
        tw_write_varint(writer, entry->first);
        tw_write_varint(writer, entry->length);
    }
    return tw_write_space(writer, entry->length);
}
