"""Grant: which desk, or which person, may work on a campaign or a block. It goes when its object goes."""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from campaigns.models.block import Block
from campaigns.models.campaign import Campaign


class CampaignDeskGrant(GroupObjectPermissionBase):
    """A desk's right to a campaign."""

    content_object = models.ForeignKey(Campaign, on_delete=models.CASCADE)


class CampaignPersonGrant(UserObjectPermissionBase):
    """One person's right to a campaign of another desk."""

    content_object = models.ForeignKey(Campaign, on_delete=models.CASCADE)


class BlockDeskGrant(GroupObjectPermissionBase):
    """A desk's right to change a block."""

    content_object = models.ForeignKey(Block, on_delete=models.CASCADE)


class BlockPersonGrant(UserObjectPermissionBase):
    """One person's right to change a block of another desk."""

    content_object = models.ForeignKey(Block, on_delete=models.CASCADE)
