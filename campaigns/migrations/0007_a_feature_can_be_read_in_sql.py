"""A feature of a client's vector (float32, little-endian) as a number in SQL, NULL where it is not known."""

from django.db import migrations

MAKE = """
create function campaigns_float4(vector bytea, place integer) returns double precision
language sql immutable strict parallel safe as $$
    select case
        when length(vector) < 4 * place + 4 then null
        else (
            select case
                when e = 255 then null
                when e = 0 then s * m * power(2::float8, -149)
                else s * (m + 8388608) * power(2::float8, e - 150)
            end
            from (
                select
                    case when get_byte(vector, 4 * place + 3) >= 128 then -1 else 1 end as s,
                    ((get_byte(vector, 4 * place + 3) & 127) << 1) | (get_byte(vector, 4 * place + 2) >> 7) as e,
                    ((get_byte(vector, 4 * place + 2) & 127) << 16)
                        | (get_byte(vector, 4 * place + 1) << 8)
                        | get_byte(vector, 4 * place) as m
            ) bits
        )
    end
$$
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0006_one_address_gets_one_copy_per_run")]
    operations = [migrations.RunSQL(MAKE, "drop function campaigns_float4(bytea, integer)")]
